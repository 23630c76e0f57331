import { css, html, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from "lit";
import type { Statement, Summary, WrapUp } from "../../api/model.js";
import { Card } from "../card.js";
import { send } from "../commands.js";
import { loadMore } from "../elements.js";
import { head, icon } from "../parts.js";
import { shared } from "../styles.js";

const GROUPS = ["issue", "reported", "tried", "facts", "promises", "open"] as const;

/** Where the conversation stands, each line leading back to its turns, and the ways to leave it. */
export class SummaryCard extends Card {
  static override properties: PropertyDeclarations = {
    summary: { attribute: false },
    wrapUp: { attribute: false },
    open: { type: Boolean },
    writesBack: { type: Boolean },
    form: { state: true },
    closing: { state: true },
  };

  declare summary: Summary | null;
  declare wrapUp: WrapUp | null;
  /** Whether the conversation goes on. */
  declare open: boolean;
  declare writesBack: boolean;
  private declare form: "hand-over" | "finish" | null;
  /** Whether the closing card has been needed, and is there. */
  private declare closing: boolean;

  constructor() {
    super();
    this.summary = null;
    this.wrapUp = null;
    this.open = false;
    this.writesBack = false;
    this.form = null;
    this.closing = false;
  }

  override stops(): HTMLElement[] {
    const closing = this.renderRoot.querySelector<Card>("copilot-closing")?.stops() ?? [];
    return [...closing, ...super.stops()];
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("wrapUp") && this.wrapUp) void this.close(null);
  }

  override render(): TemplateResult {
    return html`${this.closing
      ? html`<copilot-closing
          .l10n=${this.l10n}
          .wrapUp=${this.wrapUp}
          .form=${this.form}
          .writesBack=${this.writesBack}
          @command=${this.passOn}
          @request=${this.passOn}
          @leave=${() => (this.form = null)}
        ></copilot-closing>`
      : nothing}
    ${this.summary ? this.renderSummary(this.summary) : nothing}`;
  }

  private renderSummary(summary: Summary): TemplateResult | typeof nothing {
    const { t } = this.l10n;
    const filled = GROUPS.map((name) => [name, linesOf(summary, name)] as const).filter(([, lines]) => lines.length);
    if (!filled.length && !summary.next_step) return nothing;
    return html`<section class="card" tabindex="-1" aria-label=${t.summary.title}>
      ${head("note", t.summary.title)}
      <dl>
        ${filled.map(
          ([name, lines]) => html`<dt>${t.summary[name]}</dt><dd>${lines.map((line) => this.renderStatement(line))}</dd>`,
        )}
        ${summary.next_step ? html`<dt>${t.summary.next}</dt><dd dir="auto">${summary.next_step}</dd>` : nothing}
      </dl>
      <div class="row actions">
        <button @click=${() => send(this, { kind: "copy", text: this.textOf(summary), what: t.summary.title })}>
          ${icon("copy")} ${t.yes.copy}
        </button>
        ${this.open
          ? html`<button @click=${() => this.close("hand-over")}>${t.summary.handOver}</button>
              <button @click=${() => this.close("finish")}>${t.summary.finish}</button>`
          : nothing}
      </div>
    </section>`;
  }

  private renderStatement(statement: Statement): TemplateResult {
    const { t } = this.l10n;
    return html`<p>
      <span dir="auto">${statement.text}</span>
      ${statement.turn_ids.length
        ? html`<button
            class="quiet turns"
            title=${t.attention.show}
            aria-label=${`${t.attention.show}: ${statement.text}`}
            @click=${() => send(this, { kind: "show-turns", turnIds: statement.turn_ids })}
          >${icon("reply")}</button>`
        : nothing}
    </p>`;
  }

  private textOf(summary: Summary): string {
    const { t } = this.l10n;
    const lines = GROUPS.flatMap((name) => linesOf(summary, name).map((line) => `${t.summary[name]}: ${line.text}`));
    return [...lines, ...(summary.next_step ? [`${t.summary.next}: ${summary.next_step}`] : [])].join("\n");
  }

  private async close(form: "hand-over" | "finish" | null): Promise<void> {
    await loadMore();
    this.closing = true;
    this.form = form;
  }

  static override styles = [
    shared,
    css`
      :host,
      copilot-closing {
        display: contents;
      }
      dl {
        display: grid;
        grid-template-columns: minmax(62px, auto) 1fr;
        gap: 6px 10px;
      }
      dt {
        color: var(--cp-muted);
        font-size: 12px;
        line-height: 20px;
      }
      .actions {
        margin-top: 10px;
      }
    `,
  ];
}

function linesOf(summary: Summary, name: (typeof GROUPS)[number]): readonly Statement[] {
  if (name === "issue") return summary.issue ? [summary.issue] : [];
  return name === "open" ? summary.open_questions : summary[name];
}
