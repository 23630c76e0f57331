import { css, html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { Action, NextAction } from "../../api/model.js";
import { Card } from "../card.js";
import { send } from "../commands.js";
import { head, icon, skeleton } from "../parts.js";
import { shared } from "../styles.js";
import { humanise } from "../text.js";
import type { ApprovalCard } from "./approval.js";
import { decisionStyles, renderDecision } from "./decision.js";

/** Past proposals shown before somebody asks for all. */
const EARLIER_SHOWN = 4;

/** What to do now, each with its reason; below, the proposals already decided in this conversation. */
export class NextActionsCard extends Card {
  static override properties: PropertyDeclarations = {
    nextActions: { attribute: false },
    actions: { attribute: false },
    busy: { attribute: false },
    errors: { attribute: false },
    working: { type: Boolean },
    earlier: { type: Boolean },
    firstHotkey: { type: Number },
    allEarlier: { state: true },
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
  private declare allEarlier: boolean;

  constructor() {
    super();
    this.nextActions = [];
    this.actions = [];
    this.busy = new Set();
    this.errors = new Map();
    this.working = false;
    this.earlier = false;
    this.firstHotkey = 1;
    this.allEarlier = false;
  }

  /** Does what the number key of entry `index` promises: insert its words, or go to its approval. */
  activate(index: number): void {
    const next = this.nextActions[index];
    const item = this.renderRoot.querySelectorAll<HTMLElement>("li.next")[index];
    if (!next || !item) return;
    const approval = item.querySelector<ApprovalCard>("copilot-approval");
    if (approval) approval.activate();
    else if (next.say) this.insert(next.say);
    else item.focus();
  }

  override stops(): HTMLElement[] {
    return [...this.renderRoot.querySelectorAll<HTMLElement>("li[tabindex]")];
  }

  override render(): TemplateResult | typeof nothing {
    const { t } = this.l10n;
    const current = new Set(this.nextActions.map((next) => next.action_id));
    const others = this.actions.filter((action) => !current.has(action.id) && action.status !== "superseded");
    if (!this.nextActions.length && !others.length) {
      return this.working
        ? html`<section class="card" tabindex="-1" aria-label=${t.next.title}>
            ${head("next", t.next.title)}${skeleton(2, t.next.working)}
          </section>`
        : nothing;
    }
    const meta = this.earlier ? html`<span class="badge">${t.knowledge.earlier}</span>` : nothing;
    return html`<section class="card" aria-label=${t.next.title} @command=${this.passOn}>
      ${head("next", t.next.title, meta)}
      <ol>${repeat(this.nextActions, (next) => next.id, (next, index) => this.renderNext(next, index))}</ol>
      ${others.length ? this.renderOthers(others) : nothing}
    </section>`;
  }

  /** Newest first: what happened last is what one looks for. */
  private renderOthers(others: readonly Action[]): TemplateResult {
    const { t } = this.l10n;
    const newest = [...others].reverse();
    const shown = this.allEarlier ? newest : newest.slice(0, EARLIER_SHOWN);
    const hidden = newest.length - shown.length;
    return html`<h3 class="meta">${t.next.earlierOnes}</h3>
      <ul class="others">
        ${repeat(shown, (action) => action.id, (action) => html`<li tabindex="-1">${this.renderApproval(action)}</li>`)}
      </ul>
      ${hidden
        ? html`<button class="quiet" @click=${() => (this.allEarlier = true)}>${t.yes.more(hidden)}</button>`
        : nothing}`;
  }

  private renderNext(next: NextAction, index: number): TemplateResult {
    const { t } = this.l10n;
    const action = this.actions.find((other) => other.id === next.action_id);
    const key = this.firstHotkey + index;
    return html`<li class="next" tabindex="-1">
      <div class="title">
        ${key <= 9 ? html`<kbd title=${t.next.press(String(key))} aria-hidden="true">${key}</kbd>` : nothing}
        <h3 dir="auto"><span class="kind">${t.next.kinds[next.kind]}</span> ${next.title}</h3>
      </div>
      <div class="body">
        <p class="meta" dir="auto">${next.why}</p>
        ${next.missing.length
          ? html`<p class="row missing">
              <span class="meta">${t.next.missing}</span>
              ${next.missing.map((name) => html`<span class="badge warn">${humanise(name)}</span>`)}
            </p>`
          : nothing}
        ${next.say ? this.renderSay(next.say) : nothing}
        ${action ? this.renderApproval(action) : this.renderUndecided(next)}
      </div>
    </li>`;
  }

  private renderSay(say: string): TemplateResult {
    const { t } = this.l10n;
    return html`<div class="say">
      <p dir="auto">${say}</p>
      <button class="quiet" aria-label=${t.next.insert(say)} @click=${() => this.insert(say)}>${t.yes.insert}</button>
    </div>`;
  }

  private renderApproval(action: Action): TemplateResult {
    return html`<copilot-approval
      .l10n=${this.l10n}
      .action=${action}
      .busy=${this.busy.has(action.id)}
      .error=${this.errors.get(action.id) ?? null}
    ></copilot-approval>`;
  }

  /** A proposal that policy denies, or whose details have yet to arrive: nothing to press. */
  private renderUndecided(next: NextAction): TemplateResult | typeof nothing {
    if (!next.preview && !next.decision) return nothing;
    return html`${next.preview ? html`<p class="preview">${icon("lock")} ${next.preview}</p>` : nothing}
    ${next.decision ? renderDecision(next.decision, this.l10n) : nothing}`;
  }

  private insert(text: string): void {
    send(this, { kind: "insert", text, mode: "insert", suggestionId: null, edited: false });
  }

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
        margin-inline-start: 25px;
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
        padding-block: 7px;
        padding-inline: 10px 4px;
        border-inline-start: 2px solid var(--cp-accent);
        background: var(--cp-sunken);
        border-start-end-radius: 7px;
        border-end-end-radius: 7px;
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
        margin-block-start: 9px;
        margin-inline-start: -25px;
      }
      h3.meta {
        margin: 14px 0 6px;
        font-size: 12px;
        font-weight: 500;
      }
      .others {
        display: grid;
        gap: 8px;
      }
    `,
  ];
}
