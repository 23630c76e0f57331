import { css, html, nothing, type TemplateResult } from "lit";
import type { Transform, Transformed } from "../../api/model.js";
import type { L10n } from "../l10n/index.js";
import { icon } from "../parts.js";
import type { Worded } from "../text.js";

/** Languages that one may translate into (ISO 639-1). */
export const TARGETS = ["en", "es", "de", "fr", "it", "pt", "nl", "pl", "sv", "tr", "ar", "hi", "ja", "zh"] as const;

const HOWS = ["shorter", "friendlier"] as const;

/** A text in other words, and what it was before them. */
export interface Version extends Worded {
  readonly how: Transform;
  readonly leftOut: number;
}

/** The result as the next version of `before`: a sentence that stayed rests on what it rested on. */
export function versionOf(result: Transformed, before: Worded): Version {
  const known = new Map(before.sentences.map((sentence) => [sentence.text.trim(), sentence]));
  const sentences = result.sentences.map((sentence) => {
    const same = known.get(sentence.text.trim());
    return same ? { ...sentence, support: same.support, citations: same.citations, sources: same.sources } : sentence;
  });
  return { how: result.how, text: result.text, sentences, leftOut: result.left_out.length };
}

export interface Tools {
  readonly busy: Transform | null;
  readonly disabled: boolean;
  readonly language: string;
  readonly problem: string;
  readonly canUndo: boolean;
  readonly transform: (how: Transform) => void;
  readonly chooseLanguage: (language: string) => void;
  readonly undo: () => void;
}

/** Shorter, friendlier, translated, and back. */
export function renderTools(tools: Tools, l10n: L10n): TemplateResult {
  const { t } = l10n;
  const off = tools.disabled || tools.busy !== null;
  const names = new Intl.DisplayNames(l10n.tag, { type: "language" });
  return html`<div class="row tools" role="group" aria-busy=${tools.busy !== null}>
      ${HOWS.map(
        (how) => html`<button class="quiet" ?disabled=${off} @click=${() => tools.transform(how)}>${t.reply[how]}</button>`,
      )}
      <span class="translate">
        <button class="quiet" ?disabled=${off} @click=${() => tools.transform("translate")}>${t.reply.translate}</button>
        <select
          aria-label=${t.reply.translateTo}
          @change=${(event: Event) => tools.chooseLanguage((event.target as HTMLSelectElement).value)}
        >
          ${TARGETS.map(
            (tag) => html`<option value=${tag} ?selected=${tag === tools.language}>${names.of(tag)}</option>`,
          )}
        </select>
      </span>
      ${tools.canUndo
        ? html`<button class="quiet" @click=${tools.undo}>${icon("undo")} ${t.yes.undo}</button>`
        : nothing}
    </div>
    ${tools.busy ? html`<p class="meta" role="status">${t.reply.working}</p>` : nothing}
    ${tools.problem ? html`<p class="error" role="alert">${tools.problem}</p>` : nothing}`;
}

export const toolStyles = css`
  .tools {
    gap: 2px;
    margin-top: 6px;
    margin-inline-start: -7px;
  }
  .tools button {
    min-height: 26px;
    font-size: 12.5px;
  }
  .tools button:disabled {
    background: none;
    border-color: transparent;
  }
  .translate {
    display: inline-flex;
    align-items: center;
  }
  .translate select {
    width: auto;
    max-width: 92px;
    min-height: 24px;
    padding: 1px 4px;
    font-size: 12px;
    color: var(--cp-muted);
    border-color: transparent;
    text-overflow: ellipsis;
  }
`;
