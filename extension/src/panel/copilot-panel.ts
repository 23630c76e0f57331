import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import { ApiError, CopilotClient } from "../api/client.js";
import type { Action, AssistEvent, FeedbackVerdict } from "../api/model.js";
import { type ConnectionState, EventStream } from "../api/stream.js";
import { announcementFor } from "./announce.js";
import type { KnowledgeSection } from "./cards/knowledge.js";
import type { NextActionsCard } from "./cards/next-actions.js";
import type { SuggestionCard } from "./cards/suggestion.js";
import { copyText } from "./clipboard.js";
import type { Command } from "./commands.js";
import { emit } from "./events.js";
import { keyCommand, KEYS } from "./keyboard.js";
import { icon } from "./parts.js";
import { applyEvent, INITIAL_STATE, type PanelState } from "./state.js";
import { layout } from "./layout.js";
import { shared, tokens } from "./styles.js";

interface Stoppable extends HTMLElement {
  stops(): HTMLElement[];
}

const NONE: readonly never[] = [];
const TOAST_MS = 4000;
// Fixed, draft or not: a number that changed its meaning as cards arrive would be pressed in error.
const REPLY_KEY = 1;
const FIRST_ACTION_KEY = 2;

/**
 * The representative's panel of one conversation, live.
 *
 * Attributes `base-url`, `conversation-id`, `theme` (auto, light, dark, contrast) and `global-keys` (number
 * keys work wherever nobody is typing, not only inside the panel); property `token`. Fires the events of
 * `events.ts`. All text from the server is rendered as text.
 */
export class CopilotPanel extends LitElement {
  static override properties = {
    baseUrl: { attribute: "base-url" },
    conversationId: { attribute: "conversation-id" },
    globalKeys: { type: Boolean, attribute: "global-keys" },
    token: { attribute: false },
    panel: { state: true },
    connection: { state: true },
    used: { state: true },
    busy: { state: true },
    errors: { state: true },
    helpOpen: { state: true },
    toast: { state: true },
    announcement: { state: true },
  };

  declare baseUrl: string;
  declare conversationId: string;
  declare globalKeys: boolean;
  /** The API key or access token; kept out of attributes so that it never stands in the document. */
  declare token: string;
  /** Where feedback goes; a host with an outbox of its own puts it here. The server when absent. */
  feedbackSink: Pick<CopilotClient, "sendFeedback"> | null = null;
  private declare panel: PanelState;
  private declare connection: ConnectionState;
  /** What was done with each suggestion, in words. */
  private declare used: ReadonlyMap<string, string>;
  private declare busy: ReadonlySet<string>;
  private declare errors: ReadonlyMap<string, string>;
  private declare helpOpen: boolean;
  private declare toast: string;
  private declare announcement: string;
  private stream: EventStream | null = null;
  private toastTimer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    super();
    this.baseUrl = "";
    this.conversationId = "";
    this.globalKeys = false;
    this.token = "";
    this.reset();
    this.connection = { kind: "idle" };
    this.helpOpen = false;
    this.toast = "";
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

  /** A short line at the panel's foot, e.g. that a host could not insert. */
  notify(message: string): void {
    this.toast = message;
    clearTimeout(this.toastTimer);
    this.toastTimer = setTimeout(() => (this.toast = ""), TOAST_MS);
  }

  override focus(): void {
    this.stops()[0]?.focus();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("conversationId") || changed.has("baseUrl")) this.reset();
  }

  protected override updated(changed: PropertyValues<this>): void {
    if (changed.has("conversationId") || changed.has("baseUrl") || changed.has("token")) this.connect();
  }

  private reset(): void {
    this.panel = INITIAL_STATE;
    this.used = new Map();
    this.busy = new Set();
    this.errors = new Map();
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

  private get client(): CopilotClient {
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
    this.recordIgnored(before, event);
    this.announcement = announcementFor(event, this.panel) ?? this.announcement;
    emit(this, "copilot:event", event);
  }

  /** A draft that stood there when the representative answered without it was ignored. */
  private recordIgnored(before: PanelState, event: AssistEvent): void {
    const draft = before.drafts.completed;
    if (event.type !== "turn" || event.data.speaker !== "representative" || !draft) return;
    if (draft.revision < event.revision && !this.used.has(draft.id)) {
      void this.sendFeedback(draft.id, "ignored", "Ignored", {});
    }
  }

  private get isWorking(): boolean {
    return !this.panel.settled && this.connection.kind === "live";
  }

  private isEarlier(revision: number | undefined): boolean {
    return revision !== undefined && revision < this.panel.revision && this.panel.turns.at(-1)?.speaker === "customer";
  }

  private readonly citationNumber = (passageId: string): number => {
    const cards = this.panel.knowledge?.value.cards ?? [];
    const known = cards.findIndex((card) => card.citation.passage_id === passageId);
    if (known >= 0) return known + 1;
    const sentences = this.panel.drafts.completed?.sentences ?? [];
    const others = sentences
      .flatMap((sentence) => sentence.citations.map((citation) => citation.passage_id))
      .filter((id) => !cards.some((card) => card.citation.passage_id === id));
    return cards.length + 1 + [...new Set(others)].indexOf(passageId);
  };

  override render(): TemplateResult {
    const { panel } = this;
    const { completed } = panel.drafts;
    return html`<copilot-status
        .connection=${this.connection}
        .understanding=${panel.understanding?.value ?? null}
        .degraded=${panel.degraded}
        .working=${this.isWorking}
        @retry=${() => (this.stream ? this.stream.retryNow() : this.connect())}
      >
        <button
          class="icon quiet help"
          title="Keyboard help (?)"
          aria-label="Keyboard help"
          aria-expanded=${this.helpOpen}
          @click=${this.toggleHelp}
        >${icon("help")}</button>
      </copilot-status>
      ${this.helpOpen ? this.renderHelp() : nothing}
      <div class="cards" @command=${(event: CustomEvent<Command>) => void this.run(event.detail)}>
        ${this.renderEmpty()}
        ${panel.wrapUp ? this.renderSummary() : nothing}
        <copilot-suggestion
          ?hidden=${panel.wrapUp !== null}
          .drafts=${panel.drafts}
          .working=${this.isWorking}
          .citationNumber=${this.citationNumber}
          .hotkey=${REPLY_KEY}
          .used=${(completed && this.used.get(completed.id)) ?? null}
        ></copilot-suggestion>
        <copilot-next-actions
          .nextActions=${(!panel.wrapUp && panel.nextActions?.value) || NONE}
          .actions=${panel.actions}
          .busy=${this.busy}
          .errors=${this.errors}
          .working=${this.isWorking}
          .earlier=${this.isEarlier(panel.nextActions?.revision)}
          .firstHotkey=${FIRST_ACTION_KEY}
        ></copilot-next-actions>
        <copilot-knowledge
          .knowledge=${panel.knowledge?.value ?? null}
          .working=${this.isWorking}
          .earlier=${this.isEarlier(panel.knowledge?.revision)}
        ></copilot-knowledge>
        <copilot-order .view=${panel.orderView}></copilot-order>
        ${panel.wrapUp ? nothing : this.renderSummary()}
      </div>
      <div class="hidden" role="status" aria-live="polite">${this.announcement}</div>
      <div class="toast ${this.toast ? "shown" : ""}" role="status">${this.toast}</div>`;
  }

  /** Last while the conversation runs, first once it is over. */
  private renderSummary(): TemplateResult {
    const { summary, wrapUp } = this.panel;
    return html`<copilot-summary .summary=${summary} .wrapUp=${wrapUp}></copilot-summary>`;
  }

  private renderEmpty(): TemplateResult | typeof nothing {
    const { turns, knowledge, nextActions, wrapUp, drafts } = this.panel;
    const bare = !knowledge && !nextActions?.value.length && !drafts.completed && !wrapUp && !this.isWorking;
    if (!bare || turns.length > 0) return nothing;
    if (this.connection.kind === "live") {
      return html`<p class="empty">Suggestions appear here as soon as the customer writes.</p>`;
    }
    return this.connection.kind === "idle" ? html`<p class="empty">Open a conversation to begin.</p>` : nothing;
  }

  private renderHelp(): TemplateResult {
    return html`<dl class="keys" aria-label="Keyboard">
      ${KEYS.map(([key, what]) => html`<dt><kbd>${key}</kbd></dt><dd>${what}</dd>`)}
    </dl>`;
  }

  private readonly toggleHelp = (): void => {
    this.helpOpen = !this.helpOpen;
  };

  private card<T extends HTMLElement>(name: string): T {
    return this.renderRoot.querySelector<T>(name)!;
  }

  private stops(): HTMLElement[] {
    return [...this.renderRoot.querySelectorAll<Stoppable>(".cards > *")].flatMap((card) => card.stops?.() ?? []);
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    const inside = event.composedPath().includes(this);
    const command = inside || this.globalKeys ? keyCommand(event) : null;
    if (!command) return;
    if (command.kind === "close" && !this.helpOpen) return;
    event.preventDefault();
    if (command.kind === "help") this.toggleHelp();
    else if (command.kind === "close") this.helpOpen = false;
    else if (command.kind === "move") this.move(command.by);
    else this.activate(command.number);
  };

  private activate(number: number): void {
    if (number === REPLY_KEY) this.card<SuggestionCard>("copilot-suggestion").activate();
    else this.card<NextActionsCard>("copilot-next-actions").activate(number - FIRST_ACTION_KEY);
  }

  private move(by: 1 | -1): void {
    const stops = this.stops();
    const current = stops.findIndex((stop) => stop.matches(":focus, :focus-within"));
    const next = current < 0 ? (by > 0 ? 0 : stops.length - 1) : current + by;
    const stop = stops[Math.max(0, Math.min(stops.length - 1, next))];
    stop?.focus({ preventScroll: true });
    stop?.scrollIntoView({ block: "nearest" });
  }

  private async run(command: Command): Promise<void> {
    switch (command.kind) {
      case "insert-suggestion":
        return this.insertSuggestion(command.id, command.text, command.edited);
      case "insert-text":
        await this.insert(command.text, null);
        return;
      case "copy-suggestion":
        if (await this.copy(command.text, "Draft")) await this.sendFeedback(command.id, "used", "Copied", {});
        return;
      case "copy-text":
        await this.copy(command.text, command.what);
        return;
      case "reject-suggestion":
        return this.sendFeedback(command.id, "rejected", "Noted", { reason: command.reason });
      case "approve-action":
        return this.act(command.action, (client) => client.approve(command.action));
      case "reject-action":
        return this.act(command.action, (client) => client.reject(command.action, command.reason));
      case "edit-action":
        return this.act(command.action, (client) => client.editArguments(command.action, command.args));
      case "show-passage":
        return this.card<KnowledgeSection>("copilot-knowledge").pointAt(command.passageId);
      case "show-turns":
        emit(this, "copilot:turn-selected", { turnIds: command.turnIds });
    }
  }

  private async insertSuggestion(id: string, text: string, edited: boolean): Promise<void> {
    if (!(await this.insert(text, id))) return;
    if (edited) await this.sendFeedback(id, "edited", "Inserted, edited", { final_text: text });
    else await this.sendFeedback(id, "used", "Inserted", {});
  }

  /** Hands `text` to the host; false when the host says that it could not insert it. */
  private async insert(text: string, suggestionId: string | null): Promise<boolean> {
    const waits: Promise<unknown>[] = [];
    emit(this, "copilot:suggestion-inserted", { text, suggestionId, waitUntil: (done) => waits.push(done) });
    try {
      await Promise.all(waits);
      return true;
    } catch (error) {
      this.notify(error instanceof Error ? error.message : "The text could not be inserted.");
      return false;
    }
  }

  private async copy(text: string, what: string): Promise<boolean> {
    const copied = await copyText(text);
    this.notify(copied ? `${what} copied` : "The browser did not allow copying.");
    return copied;
  }

  private async sendFeedback(
    id: string,
    verdict: FeedbackVerdict,
    label: string,
    rest: { final_text?: string; reason?: string },
  ): Promise<void> {
    const already = this.used.get(id);
    this.used = new Map(this.used).set(id, label);
    try {
      await (this.feedbackSink ?? this.client).sendFeedback(id, { verdict, ...rest });
    } catch (error) {
      const used = new Map(this.used);
      if (already === undefined) used.delete(id);
      else used.set(id, already);
      this.used = used;
      this.notify(`Feedback was not recorded: ${messageOf(error)}`);
    }
  }

  private async act(action: Action, request: (client: CopilotClient) => Promise<Action>): Promise<void> {
    if (this.busy.has(action.id)) return;
    this.busy = new Set(this.busy).add(action.id);
    const errors = new Map(this.errors);
    errors.delete(action.id);
    this.errors = errors;
    try {
      await request(this.client); // What became of it arrives as an event, for every panel alike.
    } catch (error) {
      this.errors = new Map(this.errors).set(action.id, messageOf(error));
    } finally {
      const busy = new Set(this.busy);
      busy.delete(action.id);
      this.busy = busy;
    }
  }

  static override styles = [tokens, shared, layout];
}

function messageOf(error: unknown): string {
  return error instanceof ApiError ? error.message : "Something went wrong in the panel.";
}
