import { css, html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { Card } from "../card.js";
import { loadMore } from "../elements.js";
import { type IconName, icon } from "../parts.js";
import { shared } from "../styles.js";
import type { Asked } from "../state.js";

export type FinderMode = "search" | "ask" | "macros";

const MODES: readonly (readonly [FinderMode, IconName])[] = [
  ["search", "search"],
  ["ask", "ask"],
  ["macros", "note"],
];

/** What a representative looks for by themselves: knowledge, an answer, a saved reply. */
export class Finder extends Card {
  static override properties: PropertyDeclarations = {
    asked: { attribute: false },
    revision: { type: Number },
    keys: { attribute: false },
    citationNumber: { attribute: false },
    open: { type: Boolean },
    mode: { state: true },
  };

  declare asked: Asked | null;
  declare revision: number;
  /** The key of each mode, as shown on its button. */
  declare keys: Readonly<Record<FinderMode, string>>;
  declare citationNumber: (passageId: string) => number;
  /** Whether the conversation goes on: a closed one is only searched beside. */
  declare open: boolean;
  private declare mode: FinderMode | null;

  constructor() {
    super();
    this.asked = null;
    this.revision = 0;
    this.keys = { search: "", ask: "", macros: "" };
    this.citationNumber = () => 0;
    this.open = false;
    this.mode = null;
  }

  get opened(): boolean {
    return this.mode !== null;
  }

  async enter(mode: FinderMode): Promise<void> {
    if (mode !== "search" && !this.open) return;
    await loadMore();
    this.mode = mode;
    await this.updateComplete;
    this.renderRoot.querySelector<HTMLElement>(`copilot-${mode}`)?.focus();
  }

  close(): void {
    this.mode = null;
    void this.updateComplete.then(() => this.renderRoot.querySelector<HTMLElement>("button")?.focus());
  }

  override stops(): HTMLElement[] {
    const inner = [...this.renderRoot.querySelectorAll<Card>("copilot-search, copilot-ask, copilot-macros")];
    return inner.flatMap((part) => part.stops());
  }

  override render(): TemplateResult {
    const { t } = this.l10n;
    const modes = this.open ? MODES : MODES.slice(0, 1);
    return html`<section class="card ${this.mode ? "opened" : ""}" aria-label=${t.finder.label} @keydown=${this.onKey}>
      <div class="modes" role="group" aria-label=${t.finder.label}>
        ${modes.map(
          ([mode, name]) => html`<button
            class="tab"
            aria-pressed=${this.mode === mode}
            @click=${() => (this.mode === mode ? this.close() : this.enter(mode))}
          >${icon(name)} <span>${t.finder[mode]}</span> <kbd aria-hidden="true">${this.keys[mode]}</kbd></button>`,
        )}
      </div>
      ${this.mode ? this.renderMode(this.mode) : nothing}
    </section>`;
  }

  private renderMode(mode: FinderMode): TemplateResult {
    if (mode === "search") {
      return html`<copilot-search .l10n=${this.l10n} @command=${this.passOn} @request=${this.passOn}></copilot-search>`;
    }
    if (mode === "macros") {
      return html`<copilot-macros .l10n=${this.l10n} @command=${this.passOn} @request=${this.passOn}></copilot-macros>`;
    }
    return html`<copilot-ask
      .l10n=${this.l10n}
      .asked=${this.asked}
      .revision=${this.revision}
      .citationNumber=${this.citationNumber}
      @command=${this.passOn}
      @request=${this.passOn}
    ></copilot-ask>`;
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.key !== "Escape" || !this.mode) return;
    event.preventDefault();
    event.stopPropagation();
    this.close();
  };

  static override styles = [
    shared,
    css`
      .card {
        padding: 4px;
        container-type: inline-size;
      }
      @container (max-width: 330px) {
        kbd {
          display: none;
        }
      }
      .opened {
        padding-bottom: 12px;
      }
      .modes {
        display: flex;
        gap: 2px;
      }
      .modes button {
        flex: 1 1 auto;
        border-color: transparent;
        min-width: 0;
        padding: 0 6px;
        gap: 5px;
      }
      .modes svg {
        width: 14px;
        height: 14px;
        color: var(--cp-accent);
      }
      .modes span {
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      kbd {
        color: var(--cp-muted);
        font-weight: 500;
      }
      copilot-search,
      copilot-ask,
      copilot-macros {
        display: block;
        padding: 8px 10px 0;
      }
    `,
  ];
}
