import type { InsertOutcome } from "./insert.js";
import type { SeenConversation, SiteConfig } from "./sites/adapter.js";

/** Everything that passes between the panel and a page's content script, on one port. */
export type ToPage =
  | { readonly kind: "watch"; readonly site: SiteConfig }
  | { readonly kind: "insert"; readonly request: number; readonly conversation: string; readonly text: string };

export type ToPanel =
  | { readonly kind: "conversation"; readonly seen: SeenConversation }
  | { readonly kind: "inserted"; readonly request: number; readonly outcome: InsertOutcome };

export const PORT_NAME = "copilot-page";
