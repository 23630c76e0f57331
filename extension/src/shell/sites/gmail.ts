import type { SiteConfig } from "./adapter.js";

/** Gmail's conversation view. Collapsed mails have an id and no body; one's own address stands in the title. */
export const gmail: SiteConfig = {
  name: "Gmail",
  channel: "email",
  match: ["mail.google.com"],
  conversation: { selector: "h2[data-thread-perm-id]", attribute: "data-thread-perm-id" },
  thread: '[role="main"]:has([data-message-id])',
  message: "[data-message-id]",
  messageId: "data-message-id",
  text: ".a3s",
  role: { sender: ".gD[email]", attribute: "email", own: "([\\w.+-]+@[\\w.-]+) - [^-]*$" },
  omit: ".gmail_quote, .gmail_attr, .gmail_signature, .gmail_signature_prefix, .adL, .h5, .im",
  composer: 'div[contenteditable="true"][role="textbox"][g_editable="true"], div.Am.Al.editable[contenteditable="true"]',
};
