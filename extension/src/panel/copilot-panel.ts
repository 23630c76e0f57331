import { html, LitElement, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from "lit";
import { CopilotClient } from "../api/client.js";
import type { Bearer } from "../api/credential.js";
import type { AssistEvent, Branding } from "../api/model.js";
import { type ConnectionState, EventStream } from "../api/stream.js";
import { Acting, type Stage } from "./acting.js";
import { announcementFor } from "./announce.js";
import type { Finder } from "./cards/finder.js";
import type { KnowledgeSection } from "./cards/knowledge.js";
import type { NextActionsCard } from "./cards/next-actions.js";
import type { SuggestionCard } from "./cards/suggestion.js";
import { loadMore } from "./elements.js";
import { emit } from "./events.js";
import { type Press, pressOf } from "./keyboard.js";
import { ENGLISH, type L10n } from "./l10n/index.js";
import { layout } from "./layout.js";
import { dress, l10nFor } from "./look.js";
import { icon } from "./parts.js";
import { loadPreferences, type Preferences, savePreferences } from "./preferences.js";
import { applyEvent, INITIAL_STATE, type PanelState, sourceNumber, waitingSince } from "./state.js";
import { shared, tokens } from "./styles.js";

interface Stoppable extends HTMLElement {
  stops(): HTMLElement[];
}

/** A line at the panel's foot, and what can be done about it. */
interface Toast {
  readonly text: string;
  readonly action?: { readonly label: string; readonly run: () => void };
}

const NONE: readonly never[] = [];
const TOAST_MS = 4000;
const TOAST_WITH_ACTION_MS = 9000;
// Fixed, draft or not: a number that changed its meaning as cards arrive would be pressed in error.
const REPLY_KEY = 1;
const FIRST_ACTION_KEY = 2;

/**
 * The representative's panel of one conversation, live.
 *
 * Attributes `base-url`, `conversation-id`, `theme` (auto, light, dark, contrast), `lang`, `time-zone` (IANA),
 * `write-back` (the host files what `copilot:write-back` brings) and `global-keys` (number keys work wherever
 * nobody is typing, not only inside the panel); properties `token` and `feedbackSink`. Fires the events of
 * `events.ts`. All text from the server is rendered as text.
 */
export class CopilotPanel extends LitElement implements Stage {
  static override properties: PropertyDeclarations = {
    baseUrl: { attribute: "base-url" },
    conversationId: { attribute: "conversation-id" },
    globalKeys: { type: Boolean, attribute: "global-keys" },
    lang: { attribute: "lang" },
    timeZone: { attribute: "time-zone" },
    writesBack: { type: Boolean, attribute: "write-back" },
    token: { attribute: false },
    panel: { state: true },
    connection: { state: true },
    l10n: { state: true },
    preferences: { state: true },
    branding: { state: true },
    helpOpen: { state: true },
    toast: { state: true },
    announcement: { state: true },
  };

  declare baseUrl: string;
  declare conversationId: string;
  declare globalKeys: boolean;
  declare timeZone: string;
  declare writesBack: boolean;
  /** The API key, access token, or who gives one; kept out of attributes so that it never stands in the document. */
  declare token: Bearer;
  /** Where feedback goes; a host with an outbox of its own puts it here. The server when absent. */
  feedbackSink: Pick<CopilotClient, "sendFeedback"> | null = null;
  private declare panel: PanelState;
  private declare connection: ConnectionState;
  declare l10n: L10n;
  private declare preferences: Preferences;
  private declare branding: Branding | null;
  private declare helpOpen: boolean;
  private declare toast: Toast | null;
  private declare announcement: string;
  private stream: EventStream | null = null;
  private toastTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly acting = new Acting(this);

  constructor() {
    super();
    this.baseUrl = "";
    this.conversationId = "";
    this.globalKeys = false;
    this.timeZone = "";
    this.writesBack = false;
    this.token = "";
    this.l10n = ENGLISH;
    this.preferences = loadPreferences();
    this.branding = null;
    this.reset();
    this.connection = { kind: "idle" };
    this.helpOpen = false;
    this.toast = null;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    document.addEventListener("keydown", this.onKey);
    if (this.hasUpdated) this.connect();
  }

  override disconnectedCallback(): void {
    document.removeEventListener("keydown", this.onKey);
    this.stream?.stop();
    this.stream = null;
    super.disconnectedCallback();
  }

  /** A short line at the panel's foot, e.g. that a host could not insert; "" takes it away. */
  notify(text: string, action?: Toast["action"]): void {
    clearTimeout(this.toastTimer);
    this.toast = text ? { text, ...(action && { action }) } : null;
    this.toastTimer = setTimeout(() => (this.toast = null), action ? TOAST_WITH_ACTION_MS : TOAST_MS);
  }

  override focus(): void {
    this.stops()[0]?.focus();
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has("conversationId") || changed.has("baseUrl")) this.reset();
    if (changed.has("preferences")) this.dataset["theme"] = this.preferences.theme ?? "";
    if (changed.has("branding")) dress(this, this.branding, changed.get("branding") as Branding | null);
  }

  protected override updated(changed: PropertyValues): void {
    const reached = changed.has("baseUrl") || changed.has("token");
    if (reached || changed.has("conversationId")) this.connect();
    if (reached && this.token) void this.loadBranding();
    if (["preferences", "lang", "timeZone"].some((name) => changed.has(name))) void this.loadL10n();
  }

  private async loadL10n(): Promise<void> {
    const { preferences } = this;
    const l10n = await l10nFor(preferences, { lang: this.lang, timeZone: this.timeZone });
    if (preferences === this.preferences) this.l10n = l10n;
  }

  /** A server without branding leaves the panel in its own colours. */
  private async loadBranding(): Promise<void> {
    const { server } = this;
    const branding = await this.client.branding().catch(() => null);
    if (server === this.server) this.branding = branding;
  }

  private reset(): void {
    this.panel = INITIAL_STATE;
    this.acting.clear();
    this.announcement = "";
  }

  private connect(): void {
    this.stream?.stop();
    this.stream = null;
    if (!this.conversationId) return this.setConnection({ kind: "idle" });
    if (!this.token) return this.setConnection({ kind: "signed_out", message: "No key or token is set." });
    const stream: EventStream = new EventStream({ baseUrl: this.server, token: this.token }, this.conversationId, {
      onEvent: (event) => stream === this.stream && this.receive(event),
      onState: (state) => stream === this.stream && this.setConnection(state),
    });
    this.stream = stream;
    stream.start();
  }

  private get server(): string {
    return this.baseUrl.replace(/\/+$/, "");
  }

  get client(): CopilotClient {
    return new CopilotClient({ baseUrl: this.server, token: this.token });
  }

  private setConnection(state: ConnectionState): void {
    this.connection = state;
    emit(this, "copilot:connection", state);
  }

  private receive(event: AssistEvent): void {
    if (event.conversation_id !== this.conversationId) return;
    const before = this.panel;
    this.panel = applyEvent(before, event);
    if (this.panel === before) return;
    this.acting.feedback.sees(before, event);
    this.announcement = announcementFor(event, this.panel, this.l10n) ?? this.announcement;
    emit(this, "copilot:event", event);
  }

  private get isWorking(): boolean {
    return !this.panel.settled && this.connection.kind === "live";
  }

  private get isOpen(): boolean {
    return this.panel.conversation?.status === "open" && this.panel.wrapUp === null;
  }

  private isEarlier(revision: number | undefined): boolean {
    return revision !== undefined && revision < this.panel.revision && this.panel.turns.at(-1)?.speaker === "customer";
  }

  private readonly citationNumber = (passageId: string): number => sourceNumber(this.panel, passageId);

  override render(): TemplateResult {
    const { panel, l10n } = this;
    const { t, tag } = l10n;
    const use = this.acting.feedback.useOf(panel.drafts.completed?.id);
    return html`<copilot-status
        lang=${tag}
        .l10n=${l10n}
        .connection=${this.connection}
        .branding=${this.branding}
        .understanding=${panel.understanding?.value ?? null}
        .moods=${panel.moods}
        .degraded=${panel.degraded}
        .working=${this.isWorking}
        .waitingSince=${this.isOpen ? waitingSince(panel.turns) : null}
        @retry=${() => this.stream?.retryNow()}
      >
        <button class="icon quiet help" aria-label=${t.status.help} title="${t.status.help} (${this.preferences.keys.help})" aria-expanded=${this.helpOpen} @click=${this.toggleHelp}>
          ${icon("help")}
        </button>
      </copilot-status>
      <div class="cards" lang=${tag} @command=${this.acting.onCommand} @request=${this.acting.onRequest}>
        ${this.helpOpen
          ? html`<copilot-preferences
              .l10n=${l10n}
              .preferences=${this.preferences}
              @change=${(event: CustomEvent<Preferences>) => this.prefer(event.detail)}
              @leave=${this.toggleHelp}
            ></copilot-preferences>`
          : nothing}
        ${panel.conversation
          ? html`<copilot-finder
              .l10n=${l10n}
              .asked=${panel.asked}
              .revision=${panel.revision}
              .keys=${this.preferences.keys}
              .citationNumber=${this.citationNumber}
              .open=${this.isOpen}
            ></copilot-finder>`
          : nothing}
        ${this.renderEmpty()}
        <copilot-attention
          .l10n=${l10n}
          .understanding=${panel.understanding?.value ?? null}
          .alerts=${panel.alerts}
          .partials=${panel.partials}
        ></copilot-attention>
        ${panel.wrapUp ? this.renderSummary() : nothing}
        <copilot-suggestion
          ?hidden=${panel.wrapUp !== null}
          .l10n=${l10n}
          .drafts=${panel.drafts}
          .working=${this.isWorking}
          .open=${this.isOpen && panel.turns.length > 0}
          .citationNumber=${this.citationNumber}
          .customerLanguage=${panel.understanding?.value.language ?? null}
          .hotkey=${REPLY_KEY}
          .used=${use && t.reply[use]}
        ></copilot-suggestion>
        <copilot-next-actions
          .l10n=${l10n}
          .nextActions=${(!panel.wrapUp && panel.nextActions?.value) || NONE}
          .actions=${panel.actions}
          .busy=${this.acting.busy}
          .errors=${this.acting.errors}
          .working=${this.isWorking}
          .earlier=${this.isEarlier(panel.nextActions?.revision)}
          .firstHotkey=${FIRST_ACTION_KEY}
        ></copilot-next-actions>
        <copilot-knowledge
          .l10n=${l10n}
          .knowledge=${panel.knowledge?.value ?? null}
          .question=${this.isOpen ? (panel.understanding?.value.query ?? null) : null}
          .working=${this.isWorking}
          .earlier=${this.isEarlier(panel.knowledge?.revision)}
        ></copilot-knowledge>
        <copilot-order .l10n=${l10n} .view=${panel.orderView} .open=${this.isOpen && panel.turns.length > 0}></copilot-order>
        ${panel.wrapUp ? nothing : this.renderSummary()}
      </div>
      <div class="hidden" role="status" aria-live="polite" lang=${tag}>${this.announcement}</div>
      <div class="toast ${this.toast ? "shown" : ""}" role="status" lang=${tag}>${this.renderToast()}</div>`;
  }

  /** Last while the conversation runs, first once it is over. */
  private renderSummary(): TemplateResult {
    const { summary, wrapUp } = this.panel;
    return html`<copilot-summary
      .l10n=${this.l10n}
      .summary=${summary}
      .wrapUp=${wrapUp}
      .open=${this.isOpen}
      .writesBack=${this.writesBack}
    ></copilot-summary>`;
  }

  private renderToast(): TemplateResult | typeof nothing {
    const { toast } = this;
    if (!toast) return nothing;
    const { action } = toast;
    return html`<span>${toast.text}</span>${action ? html`<button @click=${action.run}>${action.label}</button>` : nothing}`;
  }

  private renderEmpty(): TemplateResult | typeof nothing {
    const { turns, knowledge, nextActions, wrapUp, drafts, partials } = this.panel;
    const bare = !knowledge && !nextActions?.value.length && !drafts.completed && !wrapUp && !this.isWorking;
    if (!bare || turns.length > 0 || partials.length > 0) return nothing;
    const { t } = this.l10n;
    if (this.connection.kind === "live") return html`<p class="empty">${t.panel.empty}</p>`;
    return this.connection.kind === "idle" ? html`<p class="empty">${t.panel.open}</p>` : nothing;
  }

  private readonly toggleHelp = async (): Promise<void> => {
    await loadMore();
    this.helpOpen = !this.helpOpen;
  };

  private prefer(preferences: Preferences): void {
    this.preferences = preferences;
    savePreferences(preferences);
  }

  // ---- the keyboard

  private card<T extends HTMLElement>(name: string): T | null {
    return this.renderRoot.querySelector<T>(`copilot-${name}`);
  }

  private stops(): HTMLElement[] {
    const cards = this.renderRoot.querySelectorAll<Stoppable>(".cards > *:not([hidden])");
    return [...cards].flatMap((card) => card.stops?.() ?? []);
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    const inside = event.composedPath().includes(this);
    const press = inside || this.globalKeys ? pressOf(event, this.preferences.keys) : null;
    if (press && this.press(press)) event.preventDefault();
  };

  /** False when there is nothing for the key to do. */
  private press(press: Press): boolean {
    const suggestion = this.card<SuggestionCard>("suggestion");
    switch (press.kind) {
      case "activate":
        if (press.number === REPLY_KEY) suggestion?.activate();
        else this.card<NextActionsCard>("next-actions")?.activate(press.number - FIRST_ACTION_KEY);
        return true;
      case "close":
        if (!this.helpOpen) return false;
        this.helpOpen = false;
        return true;
      case "help":
        void this.toggleHelp();
        return true;
      case "next":
      case "previous":
        this.move(press.kind === "next" ? 1 : -1);
        return true;
      case "search":
      case "ask":
      case "macros":
        void this.card<Finder>("finder")?.enter(press.kind);
        return true;
      case "append":
        suggestion?.activate("append");
        return true;
      case "shorter":
      case "friendlier":
      case "translate":
        void suggestion?.transform(press.kind);
        return true;
      default:
        void suggestion?.[press.kind]();
        return true;
    }
  }

  private move(by: 1 | -1): void {
    const stops = this.stops();
    const current = stops.findIndex((stop) => stop.matches(":focus, :focus-within"));
    const next = current < 0 ? (by > 0 ? 0 : stops.length - 1) : current + by;
    const stop = stops[Math.max(0, Math.min(stops.length - 1, next))];
    stop?.focus({ preventScroll: true });
    stop?.scrollIntoView({ block: "nearest" });
  }

  showPassage(passageId: string): void {
    void this.card<KnowledgeSection>("knowledge")?.pointAt(passageId);
  }

  static override styles = [tokens, shared, layout];
}
