import { css, html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { Card } from "../card.js";
import { DEFAULT_KEYS, KEY_COMMANDS, type KeyCommand, rebound } from "../keyboard.js";
import { type Language, LANGUAGES } from "../l10n/index.js";
import { icon } from "../parts.js";
import { NO_PREFERENCES, type Preferences, type Theme, THEMES } from "../preferences.js";
import { shared } from "../styles.js";

/** The keys, each to be changed, and what a representative may choose. Fires `change` with what was chosen. */
export class PreferencesCard extends Card {
  static override properties: PropertyDeclarations = {
    preferences: { attribute: false },
    listening: { state: true },
    problem: { state: true },
  };

  declare preferences: Preferences;
  /** The command whose new key is awaited. */
  private declare listening: KeyCommand | null;
  private declare problem: string;

  constructor() {
    super();
    this.preferences = NO_PREFERENCES;
    this.listening = null;
    this.problem = "";
  }

  override render(): TemplateResult {
    const { t } = this.l10n;
    return html`<section class="card keys" tabindex="-1" aria-label=${t.status.help}>
      <div class="head">${icon("help")}<h2>${t.keys.title}</h2>
        <button class="quiet" @click=${() => this.choose({ keys: DEFAULT_KEYS })}>${t.keys.reset}</button>
        <button class="icon quiet" title=${t.yes.close} aria-label=${t.yes.close} @click=${this.close}>${icon("cross")}</button>
      </div>
      <dl>
        <dt><kbd>1 – 9</kbd></dt><dd>${t.keys.activate}</dd>
        ${KEY_COMMANDS.map((command) => this.renderKey(command))}
        <dt><kbd>Ctrl Enter</kbd></dt><dd>${t.reply.insertEdited}</dd>
        <dt><kbd>Esc</kbd></dt><dd>${t.keys.leave}</dd>
      </dl>
      ${this.problem ? html`<p class="error" role="alert">${this.problem}</p>` : nothing}
      <h3 class="meta">${t.preferences.title}</h3>
      <div class="choices">
        ${this.renderSelect(
          t.preferences.language,
          this.preferences.language ?? "",
          Object.entries(LANGUAGES),
          (value) => this.choose({ language: (value || null) as Language | null }),
        )}
        ${this.renderSelect(
          t.preferences.theme,
          this.preferences.theme ?? "",
          THEMES.map((theme) => [theme, t.preferences[theme]] as const),
          (value) => this.choose({ theme: (value || null) as Theme | null }),
        )}
        ${this.renderSelect(
          t.preferences.zone,
          this.preferences.timeZone ?? "",
          Intl.supportedValuesOf("timeZone").map((zone) => [zone, zone.replaceAll("_", " ")] as const),
          (value) => this.choose({ timeZone: value || null }),
        )}
      </div>
    </section>`;
  }

  private renderKey(command: KeyCommand): TemplateResult {
    const { t } = this.l10n;
    const listening = this.listening === command;
    return html`<dt>
        <button
          class="key"
          aria-label=${t.keys.change(t.keys[command])}
          @click=${() => (this.listening = command)}
          @keydown=${(event: KeyboardEvent) => this.onKey(event, command)}
          @blur=${() => (this.listening = null)}
        ><kbd>${listening ? "…" : this.preferences.keys[command]}</kbd></button>
      </dt>
      <dd>${listening ? t.keys.press : t.keys[command]}</dd>`;
  }

  private renderSelect(
    label: string,
    chosen: string,
    options: readonly (readonly [string, string])[],
    choose: (value: string) => void,
  ): TemplateResult {
    return html`<label>${label}
      <select @change=${(event: Event) => choose((event.target as HTMLSelectElement).value)}>
        <option value="" ?selected=${!chosen}>${this.l10n.t.preferences.auto}</option>
        ${options.map(([value, text]) => html`<option value=${value} ?selected=${value === chosen}>${text}</option>`)}
      </select>
    </label>`;
  }

  private onKey(event: KeyboardEvent, command: KeyCommand): void {
    if (this.listening !== command || event.key === "Tab" || event.key === "Shift") return;
    event.preventDefault();
    event.stopPropagation();
    this.listening = null;
    this.problem = "";
    if (event.key === "Escape") return;
    const keys = rebound(this.preferences.keys, command, event.key);
    if (keys) this.choose({ keys });
    else this.problem = this.l10n.t.keys.taken(event.key);
  }

  private choose(change: Partial<Preferences>): void {
    const detail: Preferences = { ...this.preferences, ...change };
    this.dispatchEvent(new CustomEvent<Preferences>("change", { detail }));
  }

  private readonly close = (): void => {
    this.dispatchEvent(new Event("leave"));
  };

  static override styles = [
    shared,
    css`
      .head button {
        min-height: 24px;
        font-size: 12px;
      }
      dl {
        display: grid;
        grid-template-columns: auto 1fr;
        gap: 3px 12px;
        align-items: center;
        font-size: 12.5px;
      }
      .key {
        min-height: 24px;
        border-color: transparent;
        padding: 0 3px;
      }
      dt > kbd {
        margin-inline-start: 4px;
        white-space: nowrap;
      }
      h3 {
        margin: 12px 0 6px;
        font-weight: 600;
      }
      .choices {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(110px, 1fr));
        gap: 8px;
      }
    `,
  ];
}
