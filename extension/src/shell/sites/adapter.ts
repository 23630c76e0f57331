import type { Speaker } from "../../api/model.js";

/** What names the open conversation: a pattern whose first group stands in the address, or an attribute in the thread. */
export type ConversationName =
  | { readonly address: string }
  | { readonly selector: string; readonly attribute: string };

/** Who wrote a message. Selectors match the message itself or something in it. */
export type Role =
  | { readonly customer: string }
  | { readonly representative: string }
  /** The sender's address; ours is the first group of `own` in the page's title. */
  | { readonly sender: string; readonly attribute: string; readonly own: string };

/**
 * How to read one help desk's page. Plain data, so that a new site is a file of selectors and a saved page.
 *
 * All selectors are CSS. With `shadow`, each is also looked for in every shadow tree.
 */
export interface SiteConfig {
  readonly name: string;
  readonly channel: "chat" | "email";
  /** Host names; `*.` stands for any subdomain. */
  readonly match: readonly string[];
  readonly conversation: ConversationName;
  /** Holds the open conversation's messages; the first visible one counts. */
  readonly thread: string;
  /** One element per message within the thread, in the order they were written. */
  readonly message: string;
  /** Where a message's own id stands: `attribute` of the message, or `selector@attribute` within it. */
  readonly messageId?: string;
  /** Within a message, the text; the message itself when absent. */
  readonly text?: string;
  readonly role: Role;
  /** Messages that are no part of the talk with the customer: internal notes, system lines. */
  readonly skip?: string;
  /** Within texts and the composer, what nobody wrote just now: signatures, quoted mail, buttons. */
  readonly omit?: string;
  readonly composer: string;
  /** What the customer has written and not sent, where the page shows it. */
  readonly typing?: string;
  readonly shadow?: boolean;
}

export interface SeenMessage {
  /** The page's own id of it; empty when the page has none. */
  readonly id: string;
  readonly speaker: Speaker;
  /** Empty while the page shows only that there is a message, such as a collapsed e-mail. */
  readonly text: string;
}

export interface SeenConversation {
  /** What the help desk calls it. */
  readonly id: string;
  readonly channel: SiteConfig["channel"];
  readonly messages: readonly SeenMessage[];
}
