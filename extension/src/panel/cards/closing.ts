import { css, html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import type { FollowUp, HandOver, WrapUp } from "../../api/model.js";
import { Card } from "../card.js";
import { send } from "../commands.js";
import type { WriteBack } from "../events.js";
import { head, icon } from "../parts.js";
import { messageOf, request } from "../requests.js";
import { shared } from "../styles.js";

/** How a conversation is left: handed over, or finished and filed. Fires `leave` when its form is done with. */
export class ClosingCard extends Card {
  static override properties: PropertyDeclarations = {
    wrapUp: { attribute: false },
    form: { attribute: false },
    writesBack: { type: Boolean },
    handOver: { state: true },
    busy: { state: true },
    problem: { state: true },
    written: { state: true },
  };

  declare wrapUp: WrapUp | null;
  declare form: "hand-over" | "finish" | null;
  /** Whether the host takes what is to be filed. */
  declare writesBack: boolean;
  private declare handOver: HandOver | null;
  private declare busy: boolean;
  private declare problem: string;
  /** Texts that the host has filed. */
  private declare written: ReadonlySet<string>;

  constructor() {
    super();
    this.wrapUp = null;
    this.form = null;
    this.writesBack = false;
    this.handOver = null;
    this.busy = false;
    this.problem = "";
    this.written = new Set();
  }

  protected override updated(changed: Map<PropertyKey, unknown>): void {
    if (changed.has("form") && this.form) this.renderRoot.querySelector<HTMLElement>("form input, form button")?.focus();
  }

  override render(): TemplateResult | typeof nothing {
    if (this.wrapUp) return this.renderWrapUp(this.wrapUp);
    if (this.form) return this.form === "finish" ? this.renderFinish() : this.renderHandOverForm();
    return this.handOver ? this.renderHandOver(this.handOver) : nothing;
  }

  private renderWrapUp(wrapUp: WrapUp): TemplateResult {
    const { t } = this.l10n;
    return html`<section class="card wrap-up" tabindex="-1" aria-label=${t.summary.wrapUp}>
      ${head("check", t.summary.wrapUp, html`<span class="badge ok">${t.summary.closed}</span>`)}
      <p class="row">
        <strong dir="auto">${wrapUp.disposition.title}</strong>
        ${wrapUp.tags.map((tag) => html`<span class="badge">${tag}</span>`)}
      </p>
      <p class="note" dir="auto">${wrapUp.case_note}</p>
      ${wrapUp.follow_ups.length
        ? this.renderTexts(t.summary.followUp, wrapUp.follow_ups.map((task) => this.taskText(task)))
        : nothing}
      ${wrapUp.knowledge_gap ? this.renderTexts(t.summary.missing, [wrapUp.knowledge_gap.question]) : nothing}
      ${this.renderFiling({ kind: "case_note", text: wrapUp.case_note }, t.summary.copyNote, t.summary.note)}
    </section>`;
  }

  private renderHandOver(handOver: HandOver): TemplateResult {
    const { t } = this.l10n;
    const waiting = handOver.waiting ?? [];
    return html`<section class="card" tabindex="-1" aria-label=${t.summary.handOver}>
      ${head("person", t.summary.handOverTitle(handOver.to))}
      <p class="note" dir="auto">${handOver.note}</p>
      ${waiting.length ? this.renderTexts(t.summary.waiting, waiting.map((statement) => statement.text)) : nothing}
      ${this.renderFiling({ kind: "hand_over", text: handOver.note }, t.summary.copyHandOver, t.summary.handOver)}
    </section>`;
  }

  /** One press copies; another writes it into the host's case. */
  private renderFiling(filed: WriteBack, label: string, what: string): TemplateResult {
    return html`<div class="row actions">
      <button @click=${() => send(this, { kind: "copy", text: filed.text, what })}>${icon("copy")} ${label}</button>
      ${this.writesBack ? this.renderWriteBack(filed) : nothing}
      ${this.problem ? html`<p class="error" role="alert">${this.problem}</p>` : nothing}
    </div>`;
  }

  private renderWriteBack(filed: WriteBack): TemplateResult {
    const { t } = this.l10n;
    if (this.written.has(filed.text)) return html`<span class="badge ok">${icon("check")} ${t.summary.written}</span>`;
    return html`<button class="primary" ?disabled=${this.busy} @click=${() => this.writeBack(filed)}>
      ${t.summary.writeBack}
    </button>`;
  }

  private renderHandOverForm(): TemplateResult {
    const { t } = this.l10n;
    return html`<section class="card" tabindex="-1" aria-label=${t.summary.handOver}>
      ${head("person", t.summary.handOver)}
      <form @submit=${this.writeHandOver}>
        <label>${t.summary.to}<input name="to" required maxlength="200" /></label>
        <label>${t.summary.reason}<input name="reason" maxlength="2000" /></label>
        ${this.renderFormEnd(t.summary.write)}
      </form>
    </section>`;
  }

  private renderFinish(): TemplateResult {
    const { t } = this.l10n;
    return html`<section class="card" tabindex="-1" aria-label=${t.summary.finish}>
      ${head("check", t.summary.finish)}
      <form @submit=${this.finish}>
        <p>${t.summary.finishSure}</p>
        ${this.renderFormEnd(t.summary.finish)}
      </form>
    </section>`;
  }

  private renderFormEnd(label: string): TemplateResult {
    return html`${this.problem ? html`<p class="error" role="alert">${this.problem}</p>` : nothing}
      <div class="row">
        <button class="primary" ?disabled=${this.busy}>${label}</button>
        <button type="button" @click=${this.leave}>${this.l10n.t.yes.cancel}</button>
      </div>`;
  }

  private renderTexts(title: string, texts: readonly string[]): TemplateResult {
    return html`<h3 class="meta">${title}</h3><ul>${texts.map((text) => html`<li dir="auto">${text}</li>`)}</ul>`;
  }

  private taskText(task: FollowUp): string {
    return task.due_on ? `${task.text} (${this.l10n.t.summary.by(this.l10n.day(task.due_on))})` : task.text;
  }

  private readonly writeHandOver = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = new FormData(event.target as HTMLFormElement);
    const body = { to: String(form.get("to")).trim(), reason: String(form.get("reason")).trim() };
    void this.attempt(async () => {
      this.handOver = await request(this, "hand-over", body);
      this.leave();
    });
  };

  private readonly finish = (event: SubmitEvent): void => {
    event.preventDefault();
    void this.attempt(async () => {
      await request(this, "wrap-up", {}); // What was written comes as an event, for every panel alike.
      this.leave();
    });
  };

  private writeBack(filed: WriteBack): void {
    void this.attempt(async () => {
      await request(this, "write-back", filed);
      this.written = new Set(this.written).add(filed.text);
    });
  }

  private async attempt(work: () => Promise<void>): Promise<void> {
    this.busy = true;
    this.problem = "";
    try {
      await work();
    } catch (error) {
      this.problem = messageOf(error, this.l10n);
    } finally {
      this.busy = false;
    }
  }

  private readonly leave = (): void => {
    this.dispatchEvent(new Event("leave"));
  };

  static override styles = [
    shared,
    css`
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
        padding-inline-start: 18px;
      }
      .actions {
        margin-top: 10px;
      }
      form {
        display: grid;
        gap: 9px;
      }
    `,
  ];
}
