import { afterEach, expect, it, vi } from "vitest";
import { listen, type CompanySignInAsked } from "../../src/shell/company/background.js";
import { OFFER, SERVER } from "./provider.js";

type Listener = (message: unknown, sender: Partial<chrome.runtime.MessageSender>, answer: (done: unknown) => void) => boolean;

const ASKED: CompanySignInAsked = { kind: "company-sign-in", server: SERVER, offer: OFFER };

afterEach(() => vi.unstubAllGlobals());

/** What the service worker does with a message: whether it will answer, and the pages that it opened. */
function hear(message: unknown, sender: Partial<chrome.runtime.MessageSender>): { heard: boolean; opened: () => number } {
  let listener: Listener | undefined;
  const launchWebAuthFlow = vi.fn(() => Promise.reject(new Error("The user did not approve access.")));
  vi.stubGlobal("chrome", {
    runtime: { id: "ours", getURL: (path: string) => `chrome-extension://ours/${path}`, onMessage: { addListener: (added: Listener) => (listener = added) } },
    identity: { getRedirectURL: () => "https://ours.chromiumapp.org/", launchWebAuthFlow },
  });
  listen();
  return { heard: listener!(message, sender, () => undefined), opened: () => launchWebAuthFlow.mock.calls.length };
}

it("signs in whom the extension's own page asks for", async () => {
  const { heard, opened } = hear(ASKED, { id: "ours", url: "chrome-extension://ours/options.html" });
  expect(heard).toBe(true);
  await expect.poll(opened).toBe(1);
});

it.each([
  ["a content script in a page", ASKED, { id: "ours", url: "https://desk.example/" }],
  ["a page that calls itself like ours", ASKED, { id: "ours", url: "https://evil.example/chrome-extension://ours/" }],
  ["another extension", ASKED, { id: "theirs", url: "chrome-extension://ours/options.html" }],
  ["nobody in particular", ASKED, { id: "ours" }],
  ["who asks for something else", { kind: "another" }, { id: "ours", url: "chrome-extension://ours/options.html" }],
  ["who asks for nothing", null, { id: "ours", url: "chrome-extension://ours/options.html" }],
])("does not hear %s", async (_, message, sender) => {
  const { heard, opened } = hear(message, sender);
  await new Promise((resolve) => setTimeout(resolve));
  expect([heard, opened()]).toEqual([false, 0]);
});
