import type { SiteConfig } from "./adapter.js";

/** HubSpot's conversations inbox. Its class names carry a changing suffix after a stable first part. */
export const hubspot: SiteConfig = {
  name: "HubSpot",
  channel: "chat",
  match: ["app.hubspot.com", "app-eu1.hubspot.com", "app-na2.hubspot.com", "app-ap1.hubspot.com"],
  conversation: { address: "/live-messages/\\d+/inbox/(\\d+)" },
  thread: '[data-test-id="thread-history"], [data-test-id="message-list"]',
  message: '[class*="CommonMessage__StyledContentColumn"]',
  messageId: "[data-message-id]@data-message-id",
  text: '[data-test-id="message-body"], [class*="MessageBody"]',
  role: { customer: '[data-sender-type="visitor"], [data-sender-type="VISITOR"]' },
  skip: '[data-test-id="internal-comment"], [class*="InternalComment"]',
  omit: '[data-test-id="message-metadata"]',
  composer: '[data-test-id="rich-text-content-editor-div"] .ProseMirror, .ProseMirror[contenteditable="true"]',
};
