import type { SiteConfig } from "./adapter.js";

/** Zendesk Agent Workspace. Every open ticket stays in the page; only the shown one is visible. */
export const zendesk: SiteConfig = {
  name: "Zendesk",
  channel: "chat",
  match: ["*.zendesk.com"],
  conversation: { selector: "[data-ticket-id]", attribute: "data-ticket-id" },
  thread: '[data-test-id="omni-log-container"]',
  message: '[data-test-id="omni-log-comment-item"]',
  messageId: "time[datetime]@datetime",
  text: '[data-test-id="omni-log-message-content"]',
  role: { customer: '[data-test-id="omni-log-item-message"][type="end-user"]' },
  skip: '[data-test-id="omni-log-internal-note-tag"], [data-test-id="omni-log-item-message"][type="internal"]',
  omit: ".signature, [data-zes-id], .zendesk-editor--placeholder",
  composer:
    '[contenteditable="true"][data-test-id="omnicomposer-rich-text-ckeditor"], [contenteditable="true"][data-test-id="omnicomposer-plain-text-ckeditor"]',
};
