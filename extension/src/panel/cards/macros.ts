import { css, html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { FilledMacro, FoundMacro } from "../../api/model.js";
import { Card } from "../card.js";
import { send } from "../commands.js";
import { icon } from "../parts.js";
import { messageOf, request } from "../requests.js";
import { shared } from "../styles.js";

const WAIT_MS = 180;

/** Saved replies: found as one types, filled with the conversation's facts before they can be inserted. */
export class MacroBox extends Card {
  static override properties: PropertyDeclarations = {
    found: { state: true },
    filled: { state: true },
    problems: { state: true },
    problem: { state: true },
  };

  private declare found: readonly FoundMacro[];
  private declare filled: ReadonlyMap<string, FilledMacro>;
  /** Why a saved reply could not be filled, by its id. */
  private declare problems: ReadonlyMap<string, string>;
  private declare problem: string;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private attempt = 0;

  constructor() {
    super();
    this.found = [];
    this.filled = new Map();
    this.problems = new Map();
    this.problem = "";
  }

  override focus(): void {
    this.renderRoot.querySelector("input")?.focus();
  }

  override stops(): HTMLElement[] {
    return [...this.renderRoot.querySelectorAll<HTMLElement>("li[tabindex]")];
  }

  protected override firstUpdated(): void {
    void this.find("");
  }

  override disconnectedCallback(): void {
    clearTimeout(this.timer);
    super.disconnectedCallback();
  }

  override render(): TemplateResult {
    const { t } = this.l10n;
    return html`<input
        type="search"
        placeholder=${t.finder.macrosHint}
        aria-label=${t.finder.macrosHint}
        dir="auto"
        @input=${this.onInput}
      />
      ${this.problem ? html`<p class="error" role="alert">${this.problem}</p>` : nothing}
      <ul>
        ${repeat(this.found, ({ macro }) => macro.id, (found) => this.renderMacro(found))}
      </ul>`;
  }

  private renderMacro({ macro }: FoundMacro): TemplateResult {
    const { t } = this.l10n;
    const filled = this.filled.get(macro.id);
    const problem = this.problems.get(macro.id);
    return html`<li tabindex="-1">
      <div class="title">
        <h3 dir="auto">${macro.title}</h3>
        ${filled ? nothing : html`<button class="quiet" @click=${() => this.fill(macro.id)}>${t.finder.fill}</button>`}
      </div>
      ${filled
        ? html`<p class="text" dir="auto">${filled.text}</p>
            <div class="row">
              <button class="primary" @click=${() => this.insert(filled.text)}>${t.yes.insert}</button>
              <button class="icon" title=${t.yes.copy} aria-label=${t.yes.copy} @click=${() => this.copy(filled.text)}>
                ${icon("copy")}
              </button>
              <span class="meta">${t.finder.filled}</span>
            </div>`
        : nothing}
      ${problem ? html`<p class="error" role="alert">${problem}</p>` : nothing}
    </li>`;
  }

  private readonly onInput = (event: Event): void => {
    const query = (event.target as HTMLInputElement).value.trim();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.find(query), WAIT_MS);
  };

  private async find(query: string): Promise<void> {
    const attempt = (this.attempt += 1);
    try {
      const found = await request(this, "macros", { query });
      if (attempt !== this.attempt) return;
      this.found = found;
      this.problem = "";
    } catch (error) {
      if (attempt === this.attempt) this.problem = messageOf(error, this.l10n);
    }
  }

  private async fill(macroId: string): Promise<void> {
    try {
      const filled = await request(this, "fill-macro", { macroId });
      this.filled = new Map(this.filled).set(macroId, filled);
      this.problems = new Map([...this.problems].filter(([id]) => id !== macroId));
    } catch (error) {
      this.problems = new Map(this.problems).set(macroId, messageOf(error, this.l10n));
    }
  }

  private insert(text: string): void {
    send(this, { kind: "insert", text, mode: "insert", suggestionId: null, edited: false });
  }

  private copy(text: string): void {
    send(this, { kind: "copy", text, what: this.l10n.t.panel.draft });
  }

  static override styles = [
    shared,
    css`
      ul {
        margin-top: 8px;
        max-height: 50vh;
        overflow-y: auto;
      }
      li {
        padding: 7px 2px;
        border-top: 1px solid var(--cp-line);
      }
      li:first-child {
        border-top: 0;
      }
      .title {
        display: flex;
        justify-content: space-between;
        align-items: center;
        gap: 8px;
      }
      .title button {
        min-height: 26px;
        flex: none;
      }
      h3 {
        font-size: 13px;
        font-weight: 500;
      }
      .text {
        white-space: pre-wrap;
        background: var(--cp-sunken);
        border-radius: 8px;
        padding: 8px 10px;
        margin: 5px 0 8px;
      }
    `,
  ];
}
