import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import type { FollowUp, Statement, Summary, WrapUp } from "../../api/model.js";
import { send } from "../commands.js";
import { head, icon } from "../parts.js";
import { shared } from "../styles.js";

const followUp = (task: FollowUp) => (task.due_on ? `${task.text} (by ${task.due_on})` : task.text);

/** Where the conversation stands, each line leading back to its turns; after the end, what to file. */
export class SummaryCard extends LitElement {
  static override properties = { summary: { attribute: false }, wrapUp: { attribute: false } };

  declare summary: Summary | null;
  declare wrapUp: WrapUp | null;

  constructor() {
    super();
    this.summary = null;
    this.wrapUp = null;
  }

  stops(): HTMLElement[] {
    return [...this.renderRoot.querySelectorAll<HTMLElement>(".card")];
  }

  override render(): TemplateResult {
    return html`${this.wrapUp ? this.renderWrapUp(this.wrapUp) : nothing}
    ${this.summary ? this.renderSummary(this.summary) : nothing}`;
  }

  private renderWrapUp(wrapUp: WrapUp): TemplateResult {
    return html`<section class="card wrap-up" tabindex="-1" aria-label="Wrap-up">
      ${head("check", "Wrap-up", html`<span class="badge ok">Conversation closed</span>`)}
      <p class="row">
        <strong>${wrapUp.disposition.title}</strong>
        ${wrapUp.tags.map((tag) => html`<span class="badge">${tag}</span>`)}
      </p>
      <p class="note">${wrapUp.case_note}</p>
      ${wrapUp.follow_ups.length ? this.renderTexts("Follow up", wrapUp.follow_ups.map(followUp)) : nothing}
      ${wrapUp.knowledge_gap
        ? this.renderTexts("Missing in the knowledge base", [wrapUp.knowledge_gap.question])
        : nothing}
      <div class="row actions">
        <button @click=${() => send(this, { kind: "copy-text", text: wrapUp.case_note, what: "Case note" })}>
          ${icon("copy")} Copy case note
        </button>
      </div>
    </section>`;
  }

  private renderSummary(summary: Summary): TemplateResult | typeof nothing {
    const groups = [
      ["Issue", summary.issue ? [summary.issue] : []],
      ["Says", summary.reported],
      ["Tried", summary.tried],
      ["Known", summary.facts],
      ["Promised", summary.promises],
      ["Open", summary.open_questions],
    ] as const;
    const filled = groups.filter(([, statements]) => statements.length);
    if (!filled.length && !summary.next_step) return nothing;
    return html`<section class="card" tabindex="-1" aria-label="Summary">
      ${head("note", "Summary so far")}
      <dl>
        ${filled.map(([title, statements]) => html`<dt>${title}</dt><dd>${statements.map((s) => this.renderStatement(s))}</dd>`)}
        ${summary.next_step ? html`<dt>Next</dt><dd>${summary.next_step}</dd>` : nothing}
      </dl>
    </section>`;
  }

  private renderStatement(statement: Statement): TemplateResult {
    return html`<p>
      ${statement.text}
      ${statement.turn_ids.length
        ? html`<button
            class="quiet turns"
            title="Show where this was said"
            aria-label=${`Show where this was said: ${statement.text}`}
            @click=${() => send(this, { kind: "show-turns", turnIds: statement.turn_ids })}
          >${icon("reply")}</button>`
        : nothing}
    </p>`;
  }

  private renderTexts(title: string, texts: readonly string[]): TemplateResult {
    return html`<h3 class="meta">${title}</h3><ul>${texts.map((text) => html`<li>${text}</li>`)}</ul>`;
  }

  static override styles = [
    shared,
    css`
      dl {
        display: grid;
        grid-template-columns: 62px 1fr;
        gap: 6px 8px;
      }
      dt {
        color: var(--cp-muted);
        font-size: 12px;
        line-height: 20px;
      }
      .turns {
        min-height: 18px;
        padding: 0 3px;
        vertical-align: -3px;
      }
      .turns svg {
        width: 13px;
        height: 13px;
      }
      .note {
        white-space: pre-wrap;
        margin-top: 8px;
        background: var(--cp-sunken);
        border-radius: 8px;
        padding: 9px 12px;
      }
      h3 {
        font-weight: 500;
        margin-top: 9px;
      }
      ul {
        list-style: disc;
        padding-left: 18px;
      }
      .actions {
        margin-top: 10px;
      }
    `,
  ];
}
