import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import type { KnowledgeCard, KnowledgeCards } from "../../api/model.js";
import { send } from "../commands.js";
import { confidence, head, icon, skeleton } from "../parts.js";
import { shared } from "../styles.js";
import { formatDay, safeLink, splitAround } from "../text.js";

/** The passages that answer, numbered as the draft cites them; or plainly that there is no answer. */
export class KnowledgeSection extends LitElement {
  static override properties = {
    knowledge: { attribute: false },
    working: { type: Boolean },
    earlier: { type: Boolean },
    unfolded: { state: true },
    pointedAt: { state: true },
  };

  declare knowledge: KnowledgeCards | null;
  declare working: boolean;
  /** True while the cards still belong to an earlier message. */
  declare earlier: boolean;
  private declare unfolded: ReadonlySet<string>;
  private declare pointedAt: string | null;

  constructor() {
    super();
    this.knowledge = null;
    this.working = false;
    this.earlier = false;
    this.unfolded = new Set();
    this.pointedAt = null;
  }

  stops(): HTMLElement[] {
    return [...this.renderRoot.querySelectorAll<HTMLElement>("[tabindex]")];
  }

  /** Brings one passage into view, unfolded and marked. */
  async pointAt(passageId: string): Promise<void> {
    this.unfolded = new Set([...this.unfolded, passageId]);
    this.pointedAt = passageId;
    await this.updateComplete;
    const index = this.knowledge?.cards.findIndex((card) => card.citation.passage_id === passageId) ?? -1;
    const passage = this.renderRoot.querySelectorAll<HTMLElement>("li")[index];
    passage?.scrollIntoView({ block: "nearest", behavior: "smooth" });
    passage?.focus({ preventScroll: true });
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("knowledge")) this.pointedAt = null;
  }

  override render(): TemplateResult | typeof nothing {
    const { knowledge } = this;
    if (!knowledge) {
      return this.working
        ? html`<section class="card" tabindex="-1" aria-label="Knowledge">
            ${head("book", "Knowledge")}${skeleton(3, "Searching the knowledge base")}
          </section>`
        : nothing;
    }
    const meta = this.earlier ? html`<span class="badge">Earlier message</span>` : nothing;
    return html`<section class="card" aria-label="Knowledge">
      ${head("book", "Knowledge", meta)}
      ${!knowledge.answered ? this.renderNoAnswer(knowledge) : nothing}
      ${knowledge.cards.length
        ? html`<ol class=${this.earlier ? "earlier" : ""}>
            ${knowledge.cards.map((card, index) => this.renderCard(card, index + 1))}
          </ol>`
        : nothing}
    </section>`;
  }

  private renderNoAnswer(knowledge: KnowledgeCards): TemplateResult {
    return html`<div class="none" tabindex="-1">
      <p><strong>Not in the knowledge base</strong></p>
      <p class="meta">
        ${knowledge.cards.length
          ? "The passages below are the nearest, but none of them answers the question."
          : "No passage answers this question. Do not guess: ask a colleague or offer to find out."}
      </p>
    </div>`;
  }

  private renderCard(card: KnowledgeCard, number: number): TemplateResult {
    const { citation } = card;
    const open = this.unfolded.has(citation.passage_id);
    const link = safeLink(citation.source);
    const path = citation.heading_path.at(-1);
    return html`<li tabindex="-1" class=${this.pointedAt === citation.passage_id ? "pointed" : ""}>
      <div class="title">
        <span class="number" aria-label=${`Source ${number}`}>${number}</span>
        <h3>
          ${link ? html`<a href=${link} target="_blank" rel="noopener noreferrer">${citation.title}</a>` : citation.title}
          ${citation.clause ? html`<span class="clause">§${citation.clause}</span>` : nothing}
        </h3>
        <span class="grow"></span>
        ${confidence(card.confidence)}
      </div>
      ${path && path !== citation.title ? html`<p class="meta path">${path}</p>` : nothing}
      ${this.renderWarnings(card)}
      <blockquote>${open ? this.renderPassage(card) : html`<mark>${citation.quote}</mark>`}</blockquote>
      <div class="row foot">
        <span class="meta row dots">
          <span>Version ${citation.version}</span>
          ${card.updated_on ? html`<span>Updated ${formatDay(card.updated_on)}</span>` : nothing}
          ${citation.page ? html`<span>Page ${citation.page}</span>` : nothing}
        </span>
        <span class="grow"></span>
        ${card.text.trim() === citation.quote.trim()
          ? nothing
          : html`<button class="quiet" aria-expanded=${open} @click=${() => this.toggle(citation.passage_id)}>
              ${open ? "Less" : "Whole passage"}
            </button>`}
        ${citation.audience === "public"
          ? html`<button
              class="icon quiet"
              title="Copy the quote"
              aria-label=${`Copy the quote of source ${number}`}
              @click=${() => send(this, { kind: "copy-text", text: citation.quote, what: "Quote" })}
            >${icon("copy")}</button>`
          : nothing}
      </div>
    </li>`;
  }

  private renderWarnings(card: KnowledgeCard): TemplateResult | typeof nothing {
    const internal = card.citation.audience === "internal";
    const conflicts = card.conflicts_with.length > 0;
    if (!internal && !conflicts && !card.stale) return nothing;
    return html`<p class="row warnings">
      ${internal ? html`<span class="badge accent">${icon("lock")} Internal: do not quote</span>` : nothing}
      ${conflicts ? html`<span class="badge bad">${icon("warn")} ${this.conflictText(card)}</span>` : nothing}
      ${card.stale ? html`<span class="badge warn">${icon("warn")} May be out of date</span>` : nothing}
    </p>`;
  }

  private conflictText(card: KnowledgeCard): string {
    const cards = this.knowledge?.cards ?? [];
    const numbers = card.conflicts_with
      .map((id) => cards.findIndex((other) => other.citation.passage_id === id) + 1)
      .filter((number) => number > 0);
    return numbers.length ? `Contradicts ${numbers.join(", ")}` : "Contradicts another page";
  }

  private renderPassage(card: KnowledgeCard): TemplateResult {
    const parts = splitAround(card.text, card.citation.quote);
    return parts ? html`${parts[0]}<mark>${parts[1]}</mark>${parts[2]}` : html`${card.text}`;
  }

  private toggle(id: string): void {
    const unfolded = new Set(this.unfolded);
    if (!unfolded.delete(id)) unfolded.add(id);
    this.unfolded = unfolded;
  }

  static override styles = [
    shared,
    css`
      li {
        padding: 11px 0;
        border-top: 1px solid var(--cp-line);
        border-radius: 4px;
        content-visibility: auto;
        contain-intrinsic-size: auto 110px;
      }
      li:focus-visible {
        outline-offset: -2px;
      }
      li:first-child {
        padding-top: 2px;
        border-top: 0;
      }
      li:last-child {
        padding-bottom: 0;
      }
      .earlier {
        opacity: 0.78;
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
      }
      h3 a {
        color: inherit;
        text-decoration-color: var(--cp-line-strong);
        text-underline-offset: 2px;
      }
      .clause {
        color: var(--cp-muted);
        font-weight: 500;
        margin-left: 3px;
      }
      .path,
      .warnings,
      blockquote,
      .foot {
        margin-left: 24px;
      }
      .warnings {
        margin-top: 4px;
      }
      .badge svg {
        width: 12px;
        height: 12px;
        vertical-align: -2px;
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
        flex-wrap: nowrap;
        margin-top: 2px;
      }
      .title .badge {
        align-self: center;
      }
      .foot button {
        flex: none;
        min-height: 24px;
        font-size: 12px;
      }
      .grow {
        flex: 1;
      }
      .none {
        background: var(--cp-sunken);
        border-radius: 8px;
        padding: 10px 12px;
      }
      .none + ol {
        margin-top: 12px;
      }
    `,
  ];
}
