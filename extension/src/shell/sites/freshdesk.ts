import type { SiteConfig } from "./adapter.js";

/** Freshdesk's ticket page; its reply editor is Froala. */
export const freshdesk: SiteConfig = {
  name: "Freshdesk",
  channel: "email",
  match: ["*.freshdesk.com", "*.myfreshworks.com"],
  conversation: { address: "/a/tickets/(\\d+)" },
  thread: ".ticket-details-wrapper, .ticket-details",
  message: "[data-album]",
  messageId: "data-album",
  text: ".ticket-details__item .note-content, .ticket-details__item .conversation-content",
  role: { customer: ".incoming-msg, .ticket-details__requestor" },
  skip: ".ticket-details__privatenote, .private-note",
  omit: ".freshdesk_quote, .quoted-text, .ticket-details__meta",
  composer: '.reply-editor .fr-element[contenteditable="true"], .fr-element.fr-view[contenteditable="true"]',
};
