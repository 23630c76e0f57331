import { css, html, nothing, type TemplateResult } from "lit";
import type { Citation, Sentence } from "../../api/model.js";
import type { L10n } from "../l10n/index.js";
import { icon } from "../parts.js";
import { segmentsOf, type Worded } from "../text.js";

/** A sentence's last word, which its marks stay with on one line; longer ones may break. */
const LAST_WORD = /\S{1,24}\s*$/;

/** How the sentences of a text are drawn: the number of a cited passage, and what pressing it does. */
export interface SourceMarks {
  readonly numberOf: (passageId: string) => number;
  readonly show: (passageId: string) => void;
}

/** The text as it would be sent, each sentence with what it rests on; unsupported ones struck. */
export function renderSentences(worded: Worded, marks: SourceMarks, { t }: L10n): TemplateResult[] {
  return segmentsOf(worded).map(({ text, sentence }) => {
    if (!sentence) return html`${text}`;
    const { support } = sentence;
    const last = support === "unsupported" ? -1 : text.search(LAST_WORD);
    const cut = last < 0 ? text.length : last;
    const shown = support === "unsupported" ? html`<del>${text}</del>` : html`${text.slice(0, cut)}`;
    return html`<span class="sentence ${support}" title=${t.reply[support]}>${shown}<span class="glued">${text.slice(cut)}${renderMarks(sentence, marks, t)}</span></span>`;
  });
}

function renderMarks(sentence: Sentence, marks: SourceMarks, t: L10n["t"]): unknown {
  if (sentence.support === "fact") return html`<span class="fact-mark" title=${t.reply.fact}>${t.reply.order}</span>`;
  const numbered = new Map(sentence.citations.map((citation) => [marks.numberOf(citation.passage_id), citation]));
  return [...numbered].map(([number, citation]) => renderMark(number, citation, marks, t));
}

/** The quote stands beside its number on hover and focus, below the line it belongs to. */
function renderMark(number: number, citation: Citation, marks: SourceMarks, t: L10n["t"]): TemplateResult {
  return html`<span class="source"
    ><button
      class="cite"
      aria-label=${t.reply.source(number, citation.title)}
      @click=${() => marks.show(citation.passage_id)}
    >${number}</button
    ><span class="bubble" role="note"
      ><b dir="auto">${citation.title}${citation.clause ? ` §${citation.clause}` : nothing}</b> <i>${t.knowledge.version(citation.version)}</i
      ><q dir="auto">${citation.quote}</q></span
  ></span>`;
}

/** How many sentences rest on what. */
export function renderSupport(worded: Worded, { t }: L10n): TemplateResult {
  const count = (support: Sentence["support"]): number =>
    worded.sentences.filter((sentence) => sentence.support === support).length;
  const unsupported = count("unsupported");
  const parts = [
    [count("supported"), t.reply.withSource],
    [count("fact"), t.reply.fromOrder],
    [count("template"), t.reply.standard],
  ] as const;
  return html`<p class="meta row support">
    <span class="row dots">${parts.filter(([n]) => n > 0).map(([n, label]) => html`<span>${label(n)}</span>`)}</span>
    ${unsupported ? html`<span class="badge bad">${icon("warn")} ${t.reply.leftOut(unsupported)}</span>` : nothing}
  </p>`;
}

export const draftStyles = css`
  .draft {
    white-space: pre-wrap;
    font-size: 14px;
    line-height: 1.55;
    position: relative;
  }
  .fact-mark {
    font-size: 10.5px;
    font-weight: 600;
    color: var(--cp-ok);
    background: var(--cp-ok-soft);
    border-radius: 4px;
    padding: 0 4px;
    margin-inline-start: 3px;
    vertical-align: 2px;
    line-height: 1.3;
    display: inline-block;
  }
  .glued {
    white-space: nowrap;
  }
  .unsupported del {
    color: var(--cp-bad);
    background: var(--cp-bad-soft);
  }
  .cite {
    min-height: 17px;
    min-width: 17px;
    padding: 0 4px;
    margin-inline-start: 3px;
    font-size: 10.5px;
    font-weight: 700;
    vertical-align: 2px;
    border: 0;
    border-radius: 5px;
    color: var(--cp-accent);
    background: var(--cp-accent-soft);
  }
  .cite:hover {
    background: var(--cp-accent);
    color: var(--cp-on-accent);
  }
  .bubble {
    display: none;
    position: absolute;
    inset-inline: 0;
    z-index: 1;
    margin-top: 3px;
    padding: 8px 10px;
    border-radius: 8px;
    border: 1px solid var(--cp-line-strong);
    background: var(--cp-surface);
    box-shadow: 0 6px 20px light-dark(rgb(20 32 44 / 16%), rgb(0 0 0 / 50%));
    font-size: 12.5px;
    line-height: 1.45;
    white-space: normal;
  }
  .bubble i {
    color: var(--cp-muted);
    font-style: normal;
  }
  .bubble q {
    display: block;
    margin-top: 2px;
  }
  .source:hover .bubble,
  .cite:focus-visible + .bubble {
    display: block;
  }
  .support {
    margin-top: 8px;
    justify-content: space-between;
  }
`;
