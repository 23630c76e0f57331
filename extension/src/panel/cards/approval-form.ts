import { css, html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import type { Action } from "../../api/model.js";
import { argumentsFrom, type Field, fieldsOf } from "../arguments.js";
import { Card } from "../card.js";
import { send } from "../commands.js";
import { shared } from "../styles.js";

export type ApprovalFormKind = "edit" | "reject" | "resolve";

/** What takes more than a press to decide: other arguments, why not, what happened. Fires `leave` to go back. */
export class ApprovalForm extends Card {
  static override properties: PropertyDeclarations = {
    action: { attribute: false },
    kind: { attribute: false },
    busy: { type: Boolean },
    fields: { state: true },
  };

  declare action: Action;
  declare kind: ApprovalFormKind;
  declare busy: boolean;
  private declare fields: readonly Field[];

  constructor() {
    super();
    this.busy = false;
    this.fields = [];
  }

  protected override willUpdate(): void {
    if (!this.hasUpdated) this.fields = fieldsOf(this.action.call.arguments ?? {}, this.l10n);
  }

  protected override firstUpdated(): void {
    this.renderRoot.querySelector("input")?.focus();
  }

  override render(): TemplateResult {
    if (this.kind === "edit") return this.renderEdit();
    return this.kind === "reject" ? this.renderReject() : this.renderResolve();
  }

  private renderEdit(): TemplateResult {
    const invalid = this.fields.some((field) => field.problem);
    return html`<form @submit=${this.saveEdit}>
      ${this.fields.map(
        (field, index) => html`<label>${field.label}
          <input
            .value=${field.text}
            aria-invalid=${field.problem ? "true" : "false"}
            @input=${(event: Event) => this.setField(index, (event.target as HTMLInputElement).value)}
          />
          ${field.problem ? html`<span class="error">${field.problem}</span>` : nothing}
        </label>`,
      )}
      <p class="meta">${this.l10n.t.action.checkHint}</p>
      ${this.renderEnd(this.l10n.t.action.check, invalid)}
    </form>`;
  }

  private renderReject(): TemplateResult {
    const { t } = this.l10n;
    return html`<form @submit=${this.reject}>
      <label>${t.action.why}<input name="reason" required maxlength="500" /></label>
      ${this.renderEnd(t.action.reject)}
    </form>`;
  }

  private renderResolve(): TemplateResult {
    const { t } = this.l10n;
    return html`<form @submit=${this.resolve}>
      <p class="meta">${t.action.resolveHint}</p>
      <fieldset>
        <legend class="hidden">${t.action.outcome}</legend>
        <label class="choice"><input type="radio" name="outcome" value="succeeded" required /> ${t.action.happened}</label>
        <label class="choice"><input type="radio" name="outcome" value="failed" /> ${t.action.didNotHappen}</label>
      </fieldset>
      <label>${t.action.evidence}<input name="evidence" required maxlength="2000" /></label>
      ${this.renderEnd(t.action.file)}
    </form>`;
  }

  private renderEnd(submit: string, disabled = false): TemplateResult {
    return html`<div class="row">
      <button class="primary" ?disabled=${this.busy || disabled}>${submit}</button>
      <button type="button" @click=${this.leave}>${this.l10n.t.yes.back}</button>
    </div>`;
  }

  private setField(index: number, text: string): void {
    this.fields = this.fields.map((field, i) => (i === index ? field.with(text) : field));
  }

  private readonly saveEdit = (event: SubmitEvent): void => {
    event.preventDefault();
    send(this, { kind: "edit-action", action: this.action, args: argumentsFrom(this.fields) });
  };

  private readonly reject = (event: SubmitEvent): void => {
    const reason = submitted(event).get("reason") ?? "";
    send(this, { kind: "reject-action", action: this.action, reason });
  };

  private readonly resolve = (event: SubmitEvent): void => {
    const form = submitted(event);
    const outcome = form.get("outcome") === "succeeded" ? "succeeded" : "failed";
    send(this, { kind: "resolve-action", action: this.action, outcome, evidence: form.get("evidence") ?? "" });
  };

  private readonly leave = (): void => {
    this.dispatchEvent(new Event("leave"));
  };

  static override styles = [
    shared,
    css`
      form {
        display: grid;
        gap: 9px;
        margin-top: 10px;
      }
    `,
  ];
}

function submitted(event: SubmitEvent): Map<string, string> {
  event.preventDefault();
  const data = new FormData(event.target as HTMLFormElement);
  return new Map([...data].map(([name, value]) => [name, String(value).trim()]));
}
