import type { Speaker } from "../../api/model.js";

/** How to read one help desk's page: CSS selectors and a pattern, so that a new site is data. */
export interface SiteConfig {
  /** One element per message, in order. */
  readonly message: string;
  /** Within a message, the text; the message itself when empty. */
  readonly text: string;
  /** Matches a message (or something in it) that the customer wrote; all others are the representative's. */
  readonly customer: string;
  readonly composer: string;
  /** A regular expression whose first group, in the page's address, names the conversation. */
  readonly conversation: string;
}

export interface SeenMessage {
  readonly speaker: Speaker;
  readonly text: string;
}

export interface SeenConversation {
  /** What the help desk calls it. */
  readonly id: string;
  readonly messages: readonly SeenMessage[];
}

/** What the content script needs of a page; one implementation per help desk. */
export interface SiteAdapter {
  /** Null while no conversation is open. */
  read(): SeenConversation | null;
  composer(): HTMLElement | null;
}
