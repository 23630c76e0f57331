import { ApiError } from "../api/client.js";
import type { Action, AssistEvent } from "../api/model.js";
import type { ConnectionState } from "../api/stream.js";
import type { CopilotPanel } from "../panel/copilot-panel.js";
import type { InsertedDetail } from "../panel/events.js";
import type { Grant, Theme, WidgetEvents, WidgetTurn } from "./copilot.js";
import { Session, type Why } from "./session.js";
import { TurnQueue } from "./turns.js";

/** What the panel's surroundings do for it, whether a frame lies between or not. */
export interface Surroundings {
  ask(conversation: string, why: Why): Promise<Grant>;
  /** Puts a text into the CRM's reply box; rejects with a message fit to show. */
  insert(text: string, suggestionId: string | null, draft: string): Promise<unknown>;
  emit<K extends Exclude<keyof WidgetEvents, "suggestion-inserted">>(name: K, detail: WidgetEvents[K]): void;
  /** A line in the panel's place, with a way to try again; null when the panel is shown. */
  notice(message: string | null, retry?: () => void): void;
}

const APPROVED = new Set(["approved", "executing"]);
const EXECUTED = new Set(["succeeded"]);

/** Drives one <copilot-panel>: its token, its conversation, and what the CRM hears of it. */
export class WidgetController {
  private session: Session | null = null;
  private turns: TurnQueue | null = null;
  private token = "";
  private conversation = "";
  private draft = "";
  private waiting: { turn: WidgetTurn; resolve: (id: string) => void; reject: (error: unknown) => void }[] = [];
  private statuses = new Map<string, string>();

  constructor(
    private readonly panel: CopilotPanel,
    private readonly server: string,
    private readonly around: Surroundings,
  ) {
    panel.baseUrl = server;
    panel.hidden = true;
    panel.addEventListener("copilot:suggestion-inserted", this.onInsert);
    panel.addEventListener("copilot:turn-selected", this.onTurnSelected);
    panel.addEventListener("copilot:connection", this.onConnection);
    panel.addEventListener("copilot:event", this.onEvent);
  }

  /** Shows the conversation as soon as there is a token for it; null shows none. */
  open(conversation: string | null): void {
    this.clear();
    this.conversation = conversation ?? "";
    if (!this.conversation) return this.around.notice("Open a conversation to begin.");
    this.begin();
  }

  setTheme(theme: Theme): void {
    this.panel.setAttribute("theme", theme);
  }

  setLocale(locale: string): void {
    if (!locale) return;
    this.panel.setAttribute("lang", locale);
    this.panel.setAttribute("locale", locale);
  }

  setDraft(text: string): void {
    this.draft = text;
  }

  addTurn(turn: WidgetTurn): Promise<string> {
    if (this.turns) return this.turns.add(turn);
    if (!this.conversation) return Promise.reject(new Error("No conversation is open in the copilot."));
    return new Promise((resolve, reject) => this.waiting.push({ turn, resolve, reject })); // until there is a token
  }

  destroy(): void {
    this.clear();
    for (const [name, listener] of [
      ["copilot:suggestion-inserted", this.onInsert],
      ["copilot:turn-selected", this.onTurnSelected],
      ["copilot:connection", this.onConnection],
      ["copilot:event", this.onEvent],
    ] as const) {
      this.panel.removeEventListener(name, listener);
    }
  }

  private begin(): void {
    this.around.notice("Connecting …");
    const session: Session = new Session(this.conversation, {
      ask: (conversation, why) => this.around.ask(conversation, why),
      onGrant: (grant) => session === this.session && this.granted(grant),
      onLost: (message) => session === this.session && this.lost(message),
    });
    this.session = session;
    void session.start();
  }

  private granted(grant: Grant): void {
    const id = grant.conversation_id ?? this.conversation;
    this.panel.token = this.token = grant.token;
    if (this.turns && this.panel.conversationId === id) return;
    this.panel.conversationId = id;
    this.panel.hidden = false;
    this.around.notice(null);
    this.turns = new TurnQueue(this.server, id, () => this.token);
    for (const { turn, resolve, reject } of this.waiting.splice(0)) this.turns.add(turn).then(resolve, reject);
    this.around.emit("ready", { conversation: id });
  }

  private lost(message: string): void {
    const { conversation } = this;
    this.clear(message);
    this.conversation = conversation;
    this.around.notice(`Signed out of the copilot. ${message}`, () => this.begin());
    this.around.emit("error", { code: "signed_out", message });
  }

  /** Nothing of the conversation stays, neither in the panel nor in memory. */
  private clear(why = "Another conversation is open now."): void {
    this.session?.stop();
    this.session = null;
    this.turns = null;
    this.panel.hidden = true;
    this.panel.token = this.token = "";
    this.panel.conversationId = "";
    this.statuses = new Map();
    for (const { reject } of this.waiting.splice(0)) reject(new Error(why));
  }

  private readonly onInsert = (event: Event): void => {
    const { text, suggestionId, waitUntil } = (event as CustomEvent<InsertedDetail>).detail;
    event.stopPropagation(); // Around us it is told anew, with the reply box's new content.
    const draft = this.draft.trim() ? `${this.draft.trimEnd()}\n\n${text}` : text;
    waitUntil(this.around.insert(text, suggestionId, draft).then(() => (this.draft = draft)));
  };

  private readonly onTurnSelected = (event: Event): void => {
    event.stopPropagation();
    this.around.emit("turn-selected", (event as CustomEvent<{ turnIds: readonly string[] }>).detail);
  };

  private readonly onConnection = (event: Event): void => {
    event.stopPropagation();
    const state = (event as CustomEvent<ConnectionState>).detail;
    if (state.kind === "signed_out" && this.panel.token) void this.session?.refused();
    this.around.emit("connection", "message" in state ? { kind: state.kind, message: state.message } : { kind: state.kind });
  };

  private readonly onEvent = (event: Event): void => {
    event.stopPropagation();
    const told = (event as CustomEvent<AssistEvent>).detail;
    if (told.type === "snapshot") this.statuses = new Map(told.data.actions.map(({ id, status }) => [id, status]));
    else if (told.type === "action.updated") this.tellOfAction(told.data);
    else if (told.type === "wrap_up") {
      const { case_note: caseNote, disposition } = told.data;
      this.around.emit("wrap-up", { caseNote, disposition: disposition.title });
    }
  };

  private tellOfAction({ id, status, preview }: Action): void {
    const before = this.statuses.get(id) ?? "proposed";
    this.statuses.set(id, status);
    const consented = APPROVED.has(status) || EXECUTED.has(status);
    if (consented && before === "proposed") this.around.emit("action-approved", { actionId: id, preview, status });
    if (EXECUTED.has(status) && before !== status) this.around.emit("action-executed", { actionId: id, preview, status });
  }
}

/** What to tell a person of an error. */
export function messageOf(error: unknown): string {
  return error instanceof ApiError || error instanceof Error ? error.message : "Something went wrong.";
}

/** A token alone is a grant without an end that is known. */
export function grantOf(given: Grant | string): Grant {
  return typeof given === "string" ? { token: given } : given;
}
