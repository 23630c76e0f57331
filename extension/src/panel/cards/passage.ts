import { css, html, nothing, type TemplateResult } from "lit";
import type { Citation } from "../../api/model.js";
import type { L10n } from "../l10n/index.js";
import { confidence, icon } from "../parts.js";
import { safeLink, splitAround } from "../text.js";

/** One passage as it is drawn, wherever it was found. */
export interface PassageView {
  readonly number: number;
  readonly citation: Citation;
  /** The whole passage. */
  readonly text: string;
  readonly confidence: number;
  readonly updatedOn: string | null;
  readonly stale: boolean;
  /** What it contradicts, in words; null when nothing. */
  readonly conflict: string | null;
  readonly unfolded: boolean;
  readonly pointedAt: boolean;
}

export interface PassageDoes {
  readonly toggle: () => void;
  readonly copy: () => void;
  readonly insert?: () => void;
}

/** Title, quote, how old and how sure it is; internal ones can be read and not copied. */
export function renderPassage(view: PassageView, does: PassageDoes, l10n: L10n): TemplateResult {
  const { citation } = view;
  const { t } = l10n;
  const path = citation.heading_path.at(-1);
  const isPublic = citation.audience === "public";
  return html`<li tabindex="-1" class=${view.pointedAt ? "pointed" : ""}>
    <div class="title">
      <span class="number" aria-label=${t.knowledge.sourceNumber(view.number)} role="img">${view.number}</span>
      <h3 dir="auto">${renderTitle(citation)}</h3>
      <span class="grow"></span>
      ${confidence(view.confidence, l10n)}
    </div>
    ${path && path !== citation.title ? html`<p class="meta path" dir="auto">${path}</p>` : nothing}
    ${renderWarnings(view, l10n)}
    <blockquote dir="auto">${view.unfolded ? marked(view) : html`<mark>${citation.quote}</mark>`}</blockquote>
    <div class="row foot">
      <span class="meta row dots">
        <span>${t.knowledge.version(citation.version)}</span>
        ${view.updatedOn ? html`<span>${t.knowledge.updated(l10n.day(view.updatedOn))}</span>` : nothing}
        ${citation.page ? html`<span>${t.knowledge.page(citation.page)}</span>` : nothing}
      </span>
      <span class="does">${view.text.trim() === citation.quote.trim()
        ? nothing
        : html`<button class="quiet" aria-expanded=${view.unfolded} @click=${does.toggle}>
            ${view.unfolded ? t.knowledge.less : t.knowledge.whole}
          </button>`}
      ${isPublic && does.insert ? html`<button class="quiet" @click=${does.insert}>${t.yes.insert}</button>` : nothing}
      ${isPublic
        ? html`<button
            class="icon quiet"
            title=${t.yes.copy}
            aria-label=${t.knowledge.copyQuote(view.number)}
            @click=${does.copy}
          >${icon("copy")}</button>`
        : nothing}</span>
    </div>
  </li>`;
}

export function renderTitle(citation: Citation): TemplateResult {
  const link = safeLink(citation.source);
  return html`${link
    ? html`<a href=${link} target="_blank" rel="noopener noreferrer">${citation.title}</a>`
    : citation.title}
  ${citation.clause ? html`<span class="clause">§${citation.clause}</span>` : nothing}`;
}

function renderWarnings(view: PassageView, { t }: L10n): TemplateResult | typeof nothing {
  const internal = view.citation.audience === "internal";
  if (!internal && !view.conflict && !view.stale) return nothing;
  return html`<p class="row warnings">
    ${internal ? html`<span class="badge accent">${icon("lock")} ${t.knowledge.internal}</span>` : nothing}
    ${view.conflict ? html`<span class="badge bad">${icon("warn")} ${view.conflict}</span>` : nothing}
    ${view.stale ? html`<span class="badge warn">${icon("warn")} ${t.knowledge.stale}</span>` : nothing}
  </p>`;
}

function marked(view: PassageView): TemplateResult {
  const parts = splitAround(view.text, view.citation.quote);
  return parts ? html`${parts[0]}<mark>${parts[1]}</mark>${parts[2]}` : html`${view.text}`;
}

export const passageStyles = css`
  .passages li {
    padding: 11px 0;
    border-top: 1px solid var(--cp-line);
    border-radius: 4px;
    content-visibility: auto;
    contain-intrinsic-size: auto 110px;
  }
  .passages li:focus-visible {
    outline-offset: -2px;
  }
  .passages li:first-child {
    padding-top: 2px;
    border-top: 0;
  }
  .passages li:last-child {
    padding-bottom: 0;
  }
  .pointed .number {
    background: var(--cp-accent);
    color: var(--cp-on-accent);
  }
  .title {
    display: flex;
    gap: 7px;
    align-items: baseline;
  }
  .number {
    flex: none;
    font-size: 10.5px;
    font-weight: 700;
    line-height: 17px;
    min-width: 17px;
    text-align: center;
    border-radius: 5px;
    color: var(--cp-accent);
    background: var(--cp-accent-soft);
  }
  h3 {
    font-size: 13.5px;
    font-weight: 600;
    min-width: 0;
  }
  h3 a {
    color: inherit;
    text-decoration-color: var(--cp-line-strong);
    text-underline-offset: 2px;
  }
  .clause {
    color: var(--cp-muted);
    font-weight: 500;
    margin-inline-start: 3px;
  }
  .path,
  .warnings,
  blockquote,
  .foot {
    margin-inline-start: 24px;
  }
  .warnings {
    margin-top: 4px;
  }
  blockquote {
    margin-top: 4px;
    white-space: pre-wrap;
    max-height: 40vh;
    overflow-y: auto;
  }
  mark {
    background: var(--cp-mark);
    border-radius: 2px;
    color: inherit;
    box-decoration-break: clone;
  }
  .foot {
    margin-top: 2px;
  }
  .title .badge {
    align-self: center;
    flex: none;
  }
  .does {
    display: flex;
    margin-inline-start: auto;
  }
  .foot button {
    flex: none;
    min-height: 24px;
    font-size: 12px;
  }
`;
