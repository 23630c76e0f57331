/**
 * The copilot's panel in a page of a CRM.
 *
 * `copilot.js` (global `Copilot`) and `copilot.mjs` put it into a frame of the copilot's server, so that the page
 * cannot reach into it. `copilot-element.mjs` puts <copilot-panel> into the page itself.
 */

export type Theme = "auto" | "light" | "dark" | "contrast";

/** What `POST /v1/widget/tokens` answers; a bare string is the token alone. */
export interface Grant {
  readonly token: string;
  /** Our id of the conversation, when `conversation` was named by the CRM's. */
  readonly conversation_id?: string;
  /** ISO 8601. A new one is asked for shortly before. */
  readonly expires_at?: string;
}

export type GetToken = (
  conversation: string,
  why: "start" | "expiring" | "expired",
) => Promise<Grant | string> | Grant | string;

export interface WidgetTurn {
  readonly speaker: "customer" | "representative";
  readonly text: string;
  /** What the CRM calls the message: the same id is never added twice. */
  readonly id?: string;
}

export interface MountOptions {
  /** Where the panel goes: an element or a selector. */
  readonly target: Element | string;
  /** The copilot's address, e.g. "https://copilot.example". */
  readonly server: string;
  /** Our id (`conv_…`), or whatever `getToken` is asked with. None yet: `setConversation` later. */
  readonly conversation?: string;
  /** For one conversation; when it expires the panel empties itself. */
  readonly token?: Grant | string;
  /** Asks the CRM's own server for a token; called again whenever one ends. */
  readonly getToken?: GetToken;
  readonly theme?: Theme;
  /** A language tag, e.g. "de". */
  readonly locale?: string;
  /** Whose settings say which pages may frame the panel; none: the server's own tenant. */
  readonly tenant?: string;
  /** Hears of what goes wrong from the very first; `on` adds others later. */
  readonly onError?: (problem: WidgetProblem) => void;
}

export interface WidgetProblem {
  readonly code: "no_answer" | "incompatible" | "signed_out" | "turn_refused";
  readonly message: string;
}

export interface Insertion {
  readonly text: string;
  /** Null for the words of a next action, which are no suggestion. */
  readonly suggestionId: string | null;
  /** The reply box's new content: what `setDraft` was told, a blank line, and `text`. */
  readonly draft: string;
  /** Pass the promise of putting it in: when it fails the panel says so and records no use. */
  waitUntil(done: Promise<unknown>): void;
}

/** Each is also a DOM event on the target, named `copilot:` and the same, with the value as its `detail`. */
export interface WidgetEvents {
  /** The panel stands and shows a conversation. */
  ready: { readonly conversation: string };
  "suggestion-inserted": Insertion;
  "turn-selected": { readonly turnIds: readonly string[] };
  connection: { readonly kind: string; readonly message?: string };
  "action-approved": { readonly actionId: string; readonly preview: string; readonly status: string };
  "action-executed": { readonly actionId: string; readonly preview: string; readonly status: string };
  "wrap-up": { readonly caseNote: string; readonly disposition: string };
  error: WidgetProblem;
}

export interface Widget {
  /** Shows another conversation; a token for it is asked for. Null: none. */
  setConversation(conversation: string | null, token?: Grant | string): void;
  /** Tells the copilot of a message; resolves with our id of the turn, once it stands. */
  addTurn(turn: WidgetTurn): Promise<string>;
  /** What stands in the CRM's reply box now, so that an insertion can go below it. */
  setDraft(text: string): void;
  setTheme(theme: Theme): void;
  setLocale(locale: string): void;
  on<K extends keyof WidgetEvents>(name: K, listener: (detail: WidgetEvents[K]) => void): () => void;
  /** Takes the panel out of the page; nothing of it stays. */
  destroy(): void;
}

export interface CopilotApi {
  /** The version of the messages between page and frame. */
  readonly protocol: number;
  mount(options: MountOptions): Widget;
}

export declare const Copilot: CopilotApi;
export declare const mount: CopilotApi["mount"];
