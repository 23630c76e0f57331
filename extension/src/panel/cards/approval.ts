import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import type { Action, ActionStatus } from "../../api/model.js";
import { argumentsFrom, type Field, fieldsOf, isMoney } from "../arguments.js";
import { send } from "../commands.js";
import { icon } from "../parts.js";
import { shared } from "../styles.js";
import { formatMoney, formatTime, timeLeft } from "../text.js";
import { decisionStyles, renderDecision } from "./decision.js";
import { originStyles, renderOrigins } from "./origins.js";

const STATUS: Record<ActionStatus, { readonly label: string; readonly tone: string }> = {
  proposed: { label: "Waiting for approval", tone: "accent" },
  awaiting_second_approval: { label: "Waiting for a second person", tone: "warn" },
  approved: { label: "Approved", tone: "accent" },
  executing: { label: "In progress", tone: "accent" },
  succeeded: { label: "Done", tone: "ok" },
  failed: { label: "Failed", tone: "bad" },
  unresolved: { label: "Outcome unknown", tone: "warn" },
  rejected: { label: "Rejected", tone: "" },
  expired: { label: "Expired", tone: "" },
  superseded: { label: "Replaced", tone: "" },
};

const PLAIN = new Set(["string", "number", "boolean"]);
const RECEIPT_ROWS = 6;

/** A proposed call that changes something: what exactly, what policy says, and the decision on it. */
export class ApprovalCard extends LitElement {
  static override properties = {
    action: { attribute: false },
    busy: { type: Boolean },
    error: { attribute: false },
    mode: { state: true },
    now: { state: true },
    fields: { state: true },
    reason: { state: true },
  };

  declare action: Action;
  /** A request about this action is on its way. */
  declare busy: boolean;
  declare error: string | null;
  private declare mode: "decide" | "edit" | "reject";
  private declare now: number;
  private declare fields: readonly Field[];
  private declare reason: string;
  private clock: ReturnType<typeof setInterval> | undefined;

  constructor() {
    super();
    this.busy = false;
    this.error = null;
    this.mode = "decide";
    this.now = Date.now();
    this.fields = [];
    this.reason = "";
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.clock = setInterval(() => {
      if (this.isWaiting) this.now = Date.now();
    }, 1000);
  }

  override disconnectedCallback(): void {
    clearInterval(this.clock);
    super.disconnectedCallback();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    const before = changed.get("action");
    if (before && (before.id !== this.action.id || before.status !== this.action.status)) this.mode = "decide";
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
    const left = timeLeft(action.expires_at, this.now);
    const expired = this.isWaiting && left === null;
    const status = STATUS[expired ? "expired" : action.status];
    return html`<div class="proposal ${status.tone}" tabindex="-1" role="group" aria-label=${action.preview}>
      <p class="row status">
        <span class="badge ${status.tone}">${status.label}</span>
        <span class="grow"></span>
        ${this.isWaiting && left ? html`<span class="meta" title="Until the proposal expires">${left} left</span>` : nothing}
      </p>
      <p class="what">
        <span>${action.preview}</span>
        ${action.amount ? html`<strong>${formatMoney(action.amount)}</strong>` : nothing}
      </p>
      ${this.isWaiting || action.status === "unresolved" ? renderDecision(action.decision) : nothing}
      ${this.isWaiting ? renderOrigins(action) : nothing}
      ${this.renderApprovals()} ${this.renderOutcome()}
      ${this.isWaiting && !expired ? this.renderControls() : nothing}
      ${this.error ? html`<p class="error" role="alert">${this.error}</p>` : nothing}
    </div>`;
  }

  private renderApprovals(): TemplateResult | typeof nothing {
    const { approvals, status } = this.action;
    if (!approvals.length) return nothing;
    return html`<ul class="approvals">
        ${approvals.map(
          (approval) => html`<li class="meta">
            Approved by ${approval.approver_name}, ${formatTime(approval.approved_at)}
          </li>`,
        )}
      </ul>
      ${status === "awaiting_second_approval"
        ? html`<p class="meta">Another person must approve as well.</p>`
        : nothing}`;
  }

  private renderOutcome(): TemplateResult | typeof nothing {
    const { status, result, rejected_reason: reason } = this.action;
    if (status === "succeeded") return renderReceipt(result?.data ?? {});
    if (status === "rejected" && reason) return html`<p class="meta">${reason}</p>`;
    if (status === "failed") return html`<p class="error">${result?.error ?? "It failed; nothing was changed."}</p>`;
    if (status === "unresolved") {
      return html`<p class="meta">${result?.error ?? "The order system gave no answer. It is checked again by itself; do not repeat it by hand."}</p>`;
    }
    return nothing;
  }

  private renderControls(): TemplateResult {
    if (this.mode === "edit") return this.renderEditor();
    if (this.mode === "reject") return this.renderReject();
    const second = this.action.status === "awaiting_second_approval";
    return html`<div class="row controls">
      <button class="primary approve" ?disabled=${this.busy} @click=${this.approve}>
        ${icon("check")} ${this.busy ? "Sending …" : second ? "Approve as second person" : "Approve"}
      </button>
      ${second ? nothing : html`<button ?disabled=${this.busy} @click=${this.startEditing}>${icon("edit")} Edit</button>`}
      <button ?disabled=${this.busy} @click=${() => (this.mode = "reject")}>Reject</button>
    </div>`;
  }

  private renderReject(): TemplateResult {
    return html`<form class="form" @submit=${this.reject}>
      <label>Why not?
        <input
          name="reason"
          required
          maxlength="500"
          .value=${this.reason}
          @input=${(event: Event) => (this.reason = (event.target as HTMLInputElement).value)}
        />
      </label>
      <div class="row">
        <button class="primary" ?disabled=${this.busy}>Reject</button>
        <button type="button" @click=${() => (this.mode = "decide")}>Back</button>
      </div>
    </form>`;
  }

  private renderEditor(): TemplateResult {
    const invalid = this.fields.some((field) => field.problem);
    return html`<form class="form" @submit=${this.saveEdit}>
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
      <p class="meta">A changed proposal is checked against policy again before it can be approved.</p>
      <div class="row">
        <button class="primary" ?disabled=${this.busy || invalid}>Check and propose</button>
        <button type="button" @click=${() => (this.mode = "decide")}>Back</button>
      </div>
    </form>`;
  }

  private readonly approve = (): void => send(this, { kind: "approve-action", action: this.action });

  private readonly reject = (event: Event): void => {
    event.preventDefault();
    send(this, { kind: "reject-action", action: this.action, reason: this.reason.trim() });
  };

  private readonly startEditing = (): void => {
    this.fields = fieldsOf(this.action.call.arguments ?? {});
    this.mode = "edit";
    void this.updateComplete.then(() => this.renderRoot.querySelector("input")?.focus());
  };

  private setField(index: number, text: string): void {
    this.fields = this.fields.map((field, i) => (i === index ? field.with(text) : field));
  }

  private readonly saveEdit = (event: Event): void => {
    event.preventDefault();
    send(this, { kind: "edit-action", action: this.action, args: argumentsFrom(this.fields) });
  };

  static override styles = [
    shared,
    decisionStyles,
    originStyles,
    css`
      .proposal {
        border: 1px solid var(--cp-line);
        border-radius: 8px;
        background: var(--cp-sunken);
        padding: 10px 12px;
      }
      .proposal .badge.accent {
        background: var(--cp-accent-soft);
      }
      .what {
        display: flex;
        gap: 12px;
        align-items: baseline;
        justify-content: space-between;
        margin-top: 6px;
        font-weight: 500;
      }
      .what strong {
        font-size: 17px;
        font-weight: 650;
        font-variant-numeric: tabular-nums;
        white-space: nowrap;
      }
      .grow {
        flex: 1;
      }
      .status .meta {
        font-variant-numeric: tabular-nums;
      }
      .approvals,
      .controls,
      .form {
        margin-top: 10px;
      }
      .form {
        display: grid;
        gap: 9px;
      }
      .error {
        color: var(--cp-bad);
        font-size: 12.5px;
        margin-top: 6px;
      }
      .receipt {
        display: grid;
        grid-template-columns: auto 1fr;
        gap: 2px 10px;
        margin-top: 6px;
        font-size: 12.5px;
      }
      .receipt dt {
        color: var(--cp-muted);
      }
    `,
  ];
}

function renderReceipt(data: Record<string, unknown>): TemplateResult | typeof nothing {
  const rows = Object.entries(data).filter(([, value]) => isMoney(value) || PLAIN.has(typeof value));
  if (!rows.length) return nothing;
  return html`<dl class="receipt">
    ${rows.slice(0, RECEIPT_ROWS).map(
      ([name, value]) => html`<dt>${name.replaceAll("_", " ")}</dt>
        <dd>${isMoney(value) ? formatMoney(value) : String(value)}</dd>`,
    )}
  </dl>`;
}
