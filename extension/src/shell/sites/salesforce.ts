import type { SiteConfig } from "./adapter.js";

/** Salesforce Service Cloud: the chat of a messaging session or live chat transcript, in nested shadow trees. */
export const salesforce: SiteConfig = {
  name: "Salesforce Service Cloud",
  channel: "chat",
  match: ["*.lightning.force.com", "*.my.salesforce.com"],
  conversation: { address: "/lightning/r/(?:\\w+/)?((?:0Mw|570|500)\\w{12,15})(?:/|$)" },
  thread: ".slds-chat-list",
  message: ".slds-chat-listitem_inbound, .slds-chat-listitem_outbound",
  messageId: "data-entry-id",
  text: ".slds-chat-message__text",
  role: { customer: ".slds-chat-listitem_inbound" },
  omit: ".slds-assistive-text, .slds-chat-message__meta",
  composer: ".slds-publisher textarea, textarea.slds-publisher__input",
  shadow: true,
};
