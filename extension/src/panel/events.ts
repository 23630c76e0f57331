import type { AssistEvent } from "../api/model.js";
import type { ConnectionState } from "../api/stream.js";
import type { InsertMode } from "./commands.js";

/** The detail of `copilot:suggestion-inserted`. */
export interface InsertedDetail {
  readonly text: string;
  /** "append" puts it under what is written already; "insert" leaves it to the host, which overwrites nothing. */
  readonly mode: InsertMode;
  /** Null for the words of a next action and the like, which are no suggestion. */
  readonly suggestionId: string | null;
  /** A host that can fail to insert passes its promise; rejecting says so in the panel and records no use. */
  readonly waitUntil: (done: Promise<unknown>) => void;
}

/** What is filed with the host's case: `kind` says as what. */
export interface WriteBack {
  readonly kind: "summary" | "case_note" | "hand_over";
  readonly text: string;
}

export interface CopilotEvents {
  "copilot:suggestion-inserted": InsertedDetail;
  "copilot:turn-selected": { readonly turnIds: readonly string[] };
  "copilot:connection": ConnectionState;
  /** Every event of the conversation as it came, so that a host needs no second stream. */
  "copilot:event": AssistEvent;
  /** The representative wants to reword what stands in the host's reply box: a host that can tell calls `provide`. */
  "copilot:own-text-requested": { readonly provide: (text: string | Promise<string>) => void };
  /** Only of panels with the attribute `write-back`; rejecting says in the panel that it is not written. */
  "copilot:write-back": WriteBack & Pick<InsertedDetail, "waitUntil">;
}

export function emit<K extends keyof CopilotEvents>(from: HTMLElement, name: K, detail: CopilotEvents[K]): void {
  from.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
}
