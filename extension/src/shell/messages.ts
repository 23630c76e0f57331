import type { Speaker } from "../api/model.js";
import type { InsertMode, InsertOutcome } from "./insert.js";
import type { SeenConversation, SiteConfig } from "./sites/adapter.js";

/** What a representative points at to teach the panel a page. */
export type PickTarget = "customerMessage" | "ownMessage" | "composer" | "typing";

/** Everything the panel says to a page's content script, on one port. No key, no address of the server. */
export type ToPage =
  | { readonly kind: "watch"; readonly site: SiteConfig }
  | { readonly kind: "insert"; readonly request: number; readonly conversation: string; readonly text: string; readonly mode: InsertMode }
  | { readonly kind: "undo"; readonly request: number }
  | { readonly kind: "pick"; readonly request: number; readonly target: PickTarget }
  | { readonly kind: "read-composer"; readonly request: number }
  | { readonly kind: "stop-picking" }
  /** Makes a site of what was pointed at. */
  | { readonly kind: "derive"; readonly request: number };

/** What a request comes back with. */
export type Answer =
  | { readonly kind: "inserted"; readonly outcome: InsertOutcome }
  | { readonly kind: "undone"; readonly done: boolean }
  | { readonly kind: "composer"; readonly text: string }
  | { readonly kind: "picked"; readonly done: boolean }
  | { readonly kind: "derived"; readonly site: SiteConfig | null; readonly reason: string };

/** Everything a content script says to the panel. */
export type ToPanel =
  | { readonly kind: "conversation"; readonly seen: SeenConversation | null }
  | { readonly kind: "typing"; readonly conversation: string; readonly speaker: Speaker; readonly text: string }
  | { readonly kind: "answer"; readonly request: number; readonly answer: Answer };

export const PORT_NAME = "copilot-page";
