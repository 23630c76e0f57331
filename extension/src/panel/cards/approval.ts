import { html, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from "lit";
import type { Action, ActionStatus } from "../../api/model.js";
import { Card } from "../card.js";
import { send } from "../commands.js";
import { loadMore } from "../elements.js";
import { isMoney } from "../money.js";
import { icon } from "../parts.js";
import { shared } from "../styles.js";
import { clock, secondsLeft } from "../text.js";
import { Ticker } from "../ticker.js";
import type { ApprovalFormKind } from "./approval-form.js";
import { approvalStyles } from "./approval-styles.js";
import { decisionStyles, renderDecision } from "./decision.js";
import { originStyles, renderOrigins } from "./origins.js";

const TONES: Partial<Record<ActionStatus, string>> = {
  proposed: "accent",
  awaiting_second_approval: "warn",
  approved: "accent",
  executing: "accent",
  succeeded: "ok",
  failed: "bad",
  unresolved: "warn",
};

const PLAIN = new Set(["string", "number", "boolean"]);
const RECEIPT_ROWS = 6;
const SOON_SECONDS = 60;

/** A proposed call that changes something: what exactly, what policy says, and the decision on it. */
export class ApprovalCard extends Card {
  static override properties: PropertyDeclarations = {
    action: { attribute: false },
    busy: { type: Boolean },
    error: { attribute: false },
    form: { state: true },
  };

  declare action: Action;
  /** A request about this action is on its way. */
  declare busy: boolean;
  declare error: string | null;
  /** The form that is open in the place of the buttons. */
  private declare form: ApprovalFormKind | null;

  constructor() {
    super();
    this.busy = false;
    this.error = null;
    this.form = null;
    new Ticker(this, () => this.isWaiting);
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    const before = changed.get("action");
    if (before && (before.id !== this.action.id || before.status !== this.action.status)) this.form = null;
  }

  /** Puts the focus on Approve: money never moves on a single key. */
  activate(): void {
    const target = this.renderRoot.querySelector<HTMLElement>(".approve:not(:disabled)");
    (target ?? this.renderRoot.querySelector<HTMLElement>(".proposal"))?.focus();
  }

  private get isWaiting(): boolean {
    return this.action.status === "proposed" || this.action.status === "awaiting_second_approval";
  }

  override render(): TemplateResult {
    const { action } = this;
    const { t } = this.l10n;
    const left = this.isWaiting ? secondsLeft(action.expires_at, Date.now()) : 0;
    const status = this.isWaiting && !left ? "expired" : action.status;
    const tone = TONES[status] ?? "";
    return html`<div class="proposal ${tone}" tabindex="-1" role="group" aria-label=${action.preview}>
      <p class="row status">
        <span class="badge ${tone}">${t.action.status[status]}</span>
        <span class="grow"></span>
        ${left
          ? html`<span class="meta ${left < SOON_SECONDS ? "soon" : ""}" title=${t.action.leftTitle}>
              ${t.action.left(this.timeText(left))}
            </span>`
          : nothing}
      </p>
      <p class="what">
        <span dir="auto">${action.preview}</span>
        ${action.amount ? html`<strong>${this.l10n.money(action.amount)}</strong>` : nothing}
      </p>
      ${this.isWaiting || status === "unresolved" ? renderDecision(action.decision, this.l10n) : nothing}
      ${this.isWaiting ? renderOrigins(action, this.l10n) : nothing}
      ${this.renderApprovals()} ${this.renderOutcome()}
      ${left || status === "unresolved" ? this.renderControls() : nothing}
      ${this.error ? html`<p class="error" role="alert">${this.error}</p>` : nothing}
    </div>`;
  }

  private timeText(seconds: number): string {
    if (seconds < 3600) return clock(seconds);
    return this.l10n.t.action.hours(Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60));
  }

  private renderApprovals(): TemplateResult | typeof nothing {
    const { approvals, status } = this.action;
    const { t } = this.l10n;
    if (!approvals.length) return nothing;
    return html`<ul class="approvals">
        ${approvals.map(
          (approval) => html`<li class="meta">
            ${t.action.approvedBy(approval.approver_name, this.l10n.time(approval.approved_at))}
          </li>`,
        )}
      </ul>
      ${status === "awaiting_second_approval" ? html`<p class="meta">${t.action.another}</p>` : nothing}`;
  }

  private renderOutcome(): TemplateResult | typeof nothing {
    const { status, result, rejected_reason: reason } = this.action;
    const { t } = this.l10n;
    if (status === "succeeded") return this.renderReceipt(result?.data ?? {});
    if (status === "rejected" && reason) return html`<p class="meta" dir="auto">${reason}</p>`;
    if (status === "failed") return html`<p class="error">${result?.error ?? t.action.failed}</p>`;
    if (status === "unresolved") return html`<p class="meta">${result?.error ?? t.action.unresolved}</p>`;
    return nothing;
  }

  private renderReceipt(data: Record<string, unknown>): TemplateResult | typeof nothing {
    const rows = Object.entries(data).filter(([, value]) => isMoney(value) || PLAIN.has(typeof value));
    if (!rows.length) return nothing;
    return html`<dl class="receipt">
      ${rows.slice(0, RECEIPT_ROWS).map(
        ([name, value]) => html`<dt>${name.replaceAll("_", " ")}</dt>
          <dd>${isMoney(value) ? this.l10n.money(value) : String(value)}</dd>`,
      )}
    </dl>`;
  }

  private renderControls(): TemplateResult {
    const { t } = this.l10n;
    if (this.form) return this.renderForm(this.form);
    if (!this.isWaiting) return html`<div class="row controls">${this.renderOpener("resolve", t.action.resolve)}</div>`;
    const second = this.action.status === "awaiting_second_approval";
    return html`<div class="row controls">
      <button class="primary approve" ?disabled=${this.busy} @click=${this.approve}>
        ${icon("check")} ${this.busy ? t.yes.sending : second ? t.action.approveSecond : t.action.approve}
      </button>
      ${second ? nothing : this.renderOpener("edit", html`${icon("edit")} ${t.yes.edit}`)}
      ${this.renderOpener("reject", t.action.reject)}
    </div>`;
  }

  private renderOpener(form: ApprovalFormKind, label: unknown): TemplateResult {
    return html`<button ?disabled=${this.busy} @click=${() => this.open(form)}>${label}</button>`;
  }

  private renderForm(kind: ApprovalFormKind): TemplateResult {
    return html`<copilot-approval-form
      .l10n=${this.l10n}
      .action=${this.action}
      .kind=${kind}
      .busy=${this.busy}
      @command=${this.passOn}
      @leave=${() => (this.form = null)}
    ></copilot-approval-form>`;
  }

  private readonly approve = (): void => send(this, { kind: "approve-action", action: this.action });

  private async open(form: ApprovalFormKind): Promise<void> {
    await loadMore();
    this.form = form;
  }

  static override styles = [shared, decisionStyles, originStyles, approvalStyles];
}
