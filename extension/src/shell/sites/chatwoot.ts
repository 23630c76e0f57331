import type { SiteConfig } from "./adapter.js";

/** Chatwoot 4, hosted or one's own (then its address is allowed and picked like any other site's). */
export const chatwoot: SiteConfig = {
  name: "Chatwoot",
  channel: "chat",
  match: ["app.chatwoot.com", "chatwoot.*"],
  conversation: { address: "/app/accounts/\\d+/(?:.*/)?conversations/(\\d+)" },
  thread: ".conversation-panel",
  message: "[id^='message'][data-message-id]",
  messageId: "data-message-id",
  text: "[data-bubble-name='text'], [data-bubble-name='email']",
  // Colleagues' messages stand on the left too: only the colour tells them from the customer's.
  role: { customer: ".left-bubble:not(.bg-n-solid-blue, .bg-n-solid-iris, .bg-n-solid-amber)" },
  skip: ".bg-n-solid-amber, [data-bubble-name='activity']",
  omit: ".prose-bubble.line-clamp-2, .message-meta",
  composer: ".reply-box .ProseMirror[contenteditable='true'], .ProseMirror-woot-style[contenteditable='true']",
};
