import type { SiteConfig } from "./adapter.js";

/** Intercom's inbox. A part's category: 1 the customer, 3 a teammate, 5 the bot, 20 an automatic message. */
export const intercom: SiteConfig = {
  name: "Intercom",
  channel: "chat",
  match: ["app.intercom.com", "app.eu.intercom.com", "app.au.intercom.com"],
  conversation: { address: "/conversation/(\\d+)" },
  thread: '[data-testid="conversation-stream-scroll-container"], [data-intercom-target-conversation-stream], .inbox2__conversation-stream',
  message: "[data-part-group-id]",
  messageId: "data-part-group-id",
  text: ".interblocks-html, .inbox2__break-words, .inbox2__user-email-content",
  role: { customer: '[data-part-group-category="1"]' },
  skip: ".o__admin-note, [data-part-group-category='20'], [data-part-group-category='2']",
  omit: ".inbox2__part-meta",
  composer:
    '[data-conversation-reply-composer] .ProseMirror[contenteditable="true"], .conversation__text:not(.o__note) .embercom-prosemirror-composer-editor, .embercom-prosemirror-composer-editor[contenteditable="true"]',
};
