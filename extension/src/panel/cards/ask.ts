import { css, html, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from "lit";
import type { Answer } from "../../api/model.js";
import { Card } from "../card.js";
import { send } from "../commands.js";
import { icon } from "../parts.js";
import { messageOf, request } from "../requests.js";
import type { Asked } from "../state.js";
import { shared } from "../styles.js";
import type { Worded } from "../text.js";
import { insertableText } from "../text.js";
import { decisionStyles, renderDecision } from "./decision.js";
import { draftStyles, renderSentences } from "./draft-text.js";

/** Asks the copilot about this customer, order or policy; the steps show while it looks. */
export class AskBox extends Card {
  static override properties: PropertyDeclarations = {
    asked: { attribute: false },
    revision: { type: Number },
    citationNumber: { attribute: false },
    ticket: { state: true },
    busy: { state: true },
    problem: { state: true },
  };

  declare asked: Asked | null;
  /** Of the conversation: when it grows, the server gives up the question that is on its way. */
  declare revision: number;
  declare citationNumber: (passageId: string) => number;
  /** The question that is on its way; its answer comes as an event. */
  private declare ticket: string | null;
  private declare busy: boolean;
  private declare problem: string;

  constructor() {
    super();
    this.asked = null;
    this.revision = 0;
    this.citationNumber = () => 0;
    this.ticket = null;
    this.busy = false;
    this.problem = "";
  }

  override focus(): void {
    this.renderRoot.querySelector("input")?.focus();
  }

  override stops(): HTMLElement[] {
    return [...this.renderRoot.querySelectorAll<HTMLElement>(".answer")];
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    const answered = changed.has("asked") && this.asked?.answer?.ask_id === this.ticket;
    if (answered || changed.has("revision")) this.ticket = null;
  }

  override render(): TemplateResult {
    const { t } = this.l10n;
    const waiting = this.busy || this.ticket !== null;
    return html`<form @submit=${this.ask}>
        <div class="line">
          <input name="question" required maxlength="1000" placeholder=${t.finder.askHint} aria-label=${t.finder.askHint} dir="auto" />
          <button class="primary" ?disabled=${this.busy}>${t.finder.ask}</button>
        </div>
        <input name="hint" class="hint" maxlength="1000" placeholder=${t.finder.hint} aria-label=${t.finder.hint} dir="auto" />
      </form>
      ${this.problem ? html`<p class="error" role="alert">${this.problem}</p>` : nothing}
      ${this.asked?.steps.length ? this.renderSteps(this.asked) : nothing}
      ${waiting ? html`<p class="meta" role="status">${t.finder.thinking}</p>` : nothing}
      ${this.asked?.answer ? this.renderAnswer(this.asked.answer) : nothing}`;
  }

  private renderSteps(asked: Asked): TemplateResult {
    const { t } = this.l10n;
    return html`<ol class="steps">
      ${asked.steps.map(
        (step) => html`<li class=${step.ok ? "" : "bad"}>
          ${icon(step.ok ? "check" : "cross")} <span>${t.finder.steps[step.kind]} <span class="meta" dir="auto">${step.detail}</span></span>
        </li>`,
      )}
    </ol>`;
  }

  private renderAnswer(answer: Answer): TemplateResult {
    const { t } = this.l10n;
    const worded = wordedOf(answer);
    const text = insertableText(worded);
    const marks = {
      numberOf: (id: string) => numberIn(answer, id) ?? this.citationNumber(id),
      show: (passageId: string) => send(this, { kind: "show-passage", passageId }),
    };
    return html`<div class="answer" tabindex="-1" role="group" aria-label=${answer.question}>
      <p class="meta" dir="auto">${answer.question}</p>
      ${answer.answered ? nothing : html`<p><strong>${t.finder.notKnown}</strong></p>`}
      <p class="draft" dir="auto">${renderSentences(worded, marks, this.l10n)}</p>
      ${answer.decision ? renderDecision(answer.decision, this.l10n) : nothing}
      ${answer.action_ids?.length ? html`<p class="meta">${t.finder.proposed}</p>` : nothing}
      ${answer.stopped ? html`<p class="meta">${t.finder.stopped} ${answer.stopped}</p>` : nothing}
      ${answer.answered ? this.renderUses(answer, text) : nothing}
    </div>`;
  }

  /** What may go to the customer; never what an internal passage says. */
  private renderUses(answer: Answer, text: string): TemplateResult {
    const { t } = this.l10n;
    return html`<div class="row">
      ${mentionsInternal(answer)
        ? html`<span class="badge accent">${icon("lock")} ${t.knowledge.internal}</span>`
        : html`<button ?disabled=${!text} @click=${() => this.insert(text)}>${t.yes.append}</button>
            <button ?disabled=${!text} @click=${() => send(this, { kind: "copy", text, what: t.finder.ask })}>
              ${icon("copy")} ${t.yes.copy}
            </button>`}
    </div>`;
  }

  private insert(text: string): void {
    send(this, { kind: "insert", text, mode: "append", suggestionId: null, edited: false });
  }

  private readonly ask = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const data = new FormData(form);
    this.busy = true;
    this.problem = "";
    try {
      const question = String(data.get("question")).trim();
      const { ask_id: id } = await request(this, "ask", { question, hint: String(data.get("hint")).trim() });
      this.ticket = this.asked?.answer?.ask_id === id ? null : id;
      form.reset();
    } catch (error) {
      this.problem = messageOf(error, this.l10n);
    } finally {
      this.busy = false;
    }
  };

  static override styles = [
    shared,
    draftStyles,
    decisionStyles,
    css`
      .hint {
        margin-top: 6px;
        font-size: 12.5px;
        min-height: 28px;
        padding: 3px 9px;
      }
      .steps,
      .answer,
      p.meta {
        margin-top: 8px;
      }
      .steps li {
        display: flex;
        gap: 6px;
        font-size: 12.5px;
      }
      .steps svg {
        width: 13px;
        height: 13px;
        margin-top: 3px;
        color: var(--cp-ok);
      }
      .steps .bad svg {
        color: var(--cp-bad);
      }
      .answer {
        background: var(--cp-sunken);
        border-radius: 8px;
        padding: 10px 12px;
      }
      .answer > .row {
        margin-top: 8px;
      }
      .answer > p.meta:first-child {
        margin: 0 0 4px;
      }
    `,
  ];
}

function wordedOf(answer: Answer): Worded {
  const sentences = answer.sentences;
  return { text: sentences.map((sentence) => sentence.text).join(" "), sentences };
}

/** Sources of an answer are numbered among themselves when it brings its own. */
function numberIn(answer: Answer, passageId: string): number | null {
  const index = (answer.knowledge ?? []).findIndex((card) => card.citation.passage_id === passageId);
  return index < 0 ? null : index + 1;
}

function mentionsInternal(answer: Answer): boolean {
  return answer.sentences.some((sentence) => sentence.citations.some((citation) => citation.audience === "internal"));
}
