import type { AssistEvent } from "../api/model.js";
import type { ConnectionState } from "../api/stream.js";

/** The detail of `copilot:suggestion-inserted`. */
export interface InsertedDetail {
  readonly text: string;
  /** Null for the words of a next action, which are no suggestion. */
  readonly suggestionId: string | null;
  /** A host that can fail to insert passes its promise; rejecting says so in the panel and records no use. */
  readonly waitUntil: (done: Promise<unknown>) => void;
}

export interface CopilotEvents {
  "copilot:suggestion-inserted": InsertedDetail;
  "copilot:turn-selected": { readonly turnIds: readonly string[] };
  "copilot:connection": ConnectionState;
  /** Every event of the conversation as it came, so that a host needs no second stream. */
  "copilot:event": AssistEvent;
}

export function emit<K extends keyof CopilotEvents>(from: HTMLElement, name: K, detail: CopilotEvents[K]): void {
  from.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
}
