import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import type { Action, NextAction } from "../../api/model.js";
import { type Command, send } from "../commands.js";
import { head, icon, skeleton } from "../parts.js";
import { shared } from "../styles.js";
import { humanise } from "../text.js";
import type { ApprovalCard } from "./approval.js";
import { decisionStyles, renderDecision } from "./decision.js";

const KINDS: Record<NextAction["kind"], string> = {
  ask: "Ask",
  verify: "Verify",
  look_up: "Look up",
  tool: "Do",
  offer: "Offer",
  inform: "Inform",
  escalate: "Escalate",
  close: "Close",
};

/** What to do now, each with its reason; below, the proposals already decided in this conversation. */
export class NextActionsCard extends LitElement {
  static override properties = {
    nextActions: { attribute: false },
    actions: { attribute: false },
    busy: { attribute: false },
    errors: { attribute: false },
    working: { type: Boolean },
    earlier: { type: Boolean },
    firstHotkey: { type: Number },
  };

  declare nextActions: readonly NextAction[];
  declare actions: readonly Action[];
  /** Ids of the actions with a request on its way. */
  declare busy: ReadonlySet<string>;
  /** What the server said against a request, by action id. */
  declare errors: ReadonlyMap<string, string>;
  declare working: boolean;
  declare earlier: boolean;
  declare firstHotkey: number;

  constructor() {
    super();
    this.nextActions = [];
    this.actions = [];
    this.busy = new Set();
    this.errors = new Map();
    this.working = false;
    this.earlier = false;
    this.firstHotkey = 1;
  }

  /** Does what the number key of entry `index` promises: insert its words, or go to its approval. */
  activate(index: number): void {
    const next = this.nextActions[index];
    const item = this.renderRoot.querySelectorAll<HTMLElement>("li.next")[index];
    if (!next || !item) return;
    const approval = item.querySelector<ApprovalCard>("copilot-approval");
    if (approval) approval.activate();
    else if (next.say) send(this, { kind: "insert-text", text: next.say });
    else item.focus();
  }

  stops(): HTMLElement[] {
    return [...this.renderRoot.querySelectorAll<HTMLElement>("li[tabindex]")];
  }

  override render(): TemplateResult | typeof nothing {
    const current = new Set(this.nextActions.map((next) => next.action_id));
    const others = this.actions.filter((action) => !current.has(action.id) && action.status !== "superseded");
    if (!this.nextActions.length && !others.length) {
      return this.working
        ? html`<section class="card" tabindex="-1" aria-label="Next actions">
            ${head("next", "Next actions")}${skeleton(2, "Working out the next action")}
          </section>`
        : nothing;
    }
    const meta = this.earlier ? html`<span class="badge">Earlier message</span>` : nothing;
    return html`<section class="card" aria-label="Next actions" @command=${this.passOn}>
      ${head("next", "Next actions", meta)}
      <ol>${this.nextActions.map((next, index) => this.renderNext(next, index))}</ol>
      ${others.length
        ? html`<h3 class="meta">In this conversation</h3>
            <ul>${others.map((action) => html`<li tabindex="-1">${this.renderApproval(action)}</li>`)}</ul>`
        : nothing}
    </section>`;
  }

  private renderNext(next: NextAction, index: number): TemplateResult {
    const action = this.actions.find((other) => other.id === next.action_id);
    const key = this.firstHotkey + index;
    return html`<li class="next" tabindex="-1">
      <div class="title">
        ${key <= 9 ? html`<kbd title=${`Press ${key}`} aria-hidden="true">${key}</kbd>` : nothing}
        <h3><span class="kind">${KINDS[next.kind]}</span> ${next.title}</h3>
      </div>
      <div class="body">
        <p class="meta">${next.why}</p>
        ${next.missing.length
          ? html`<p class="row missing">
              <span class="meta">Missing</span>
              ${next.missing.map((name) => html`<span class="badge warn">${humanise(name)}</span>`)}
            </p>`
          : nothing}
        ${next.say ? this.renderSay(next.say) : nothing}
        ${action ? this.renderApproval(action) : this.renderUndecided(next)}
      </div>
    </li>`;
  }

  private renderSay(say: string): TemplateResult {
    return html`<div class="say">
      <p>${say}</p>
      <button class="quiet" aria-label=${`Insert: ${say}`} @click=${() => send(this, { kind: "insert-text", text: say })}>
        Insert
      </button>
    </div>`;
  }

  private renderApproval(action: Action): TemplateResult {
    return html`<copilot-approval
      .action=${action}
      .busy=${this.busy.has(action.id)}
      .error=${this.errors.get(action.id) ?? null}
    ></copilot-approval>`;
  }

  /** A proposal that policy denies, or whose details have yet to arrive: nothing to press. */
  private renderUndecided(next: NextAction): TemplateResult | typeof nothing {
    if (!next.preview && !next.decision) return nothing;
    return html`${next.preview ? html`<p class="preview">${icon("lock")} ${next.preview}</p>` : nothing}
    ${next.decision ? renderDecision(next.decision) : nothing}`;
  }

  private readonly passOn = (event: CustomEvent<Command>): void => send(this, event.detail);

  static override styles = [
    shared,
    decisionStyles,
    css`
      li.next + li.next {
        margin-top: 12px;
        padding-top: 12px;
        border-top: 1px solid var(--cp-line);
      }
      li {
        border-radius: 4px;
      }
      .title {
        display: flex;
        gap: 8px;
        align-items: baseline;
      }
      .title kbd {
        color: var(--cp-accent);
        flex: none;
      }
      h3 {
        font-size: 13.5px;
        font-weight: 600;
      }
      .kind {
        color: var(--cp-accent);
      }
      .kind::after {
        content: " ·";
      }
      .body {
        margin-left: 25px;
      }
      .missing,
      .preview {
        margin-top: 6px;
      }
      .preview {
        display: flex;
        gap: 6px;
        align-items: center;
        color: var(--cp-muted);
      }
      .say {
        margin-top: 7px;
        padding: 7px 4px 7px 10px;
        border-left: 2px solid var(--cp-accent);
        background: var(--cp-sunken);
        border-radius: 0 7px 7px 0;
        display: flex;
        gap: 6px;
        align-items: flex-end;
        justify-content: space-between;
      }
      .say button {
        flex: none;
        min-height: 26px;
      }
      .body copilot-approval {
        margin: 9px 0 0 -25px;
      }
      h3.meta {
        margin: 14px 0 6px;
        font-size: 12px;
        font-weight: 500;
      }
      ul {
        display: grid;
        gap: 8px;
      }
    `,
  ];
}
