import type { SeenConversation } from "./adapter.js";
import { rootsOf } from "./dom.js";
import type { SiteReader } from "./reader.js";

const QUIET_MS = 150;
// Addresses change and shadow trees appear without a mutation that an observer could see.
const POLL_MS = 700;
const STALE_MS = 3000;

export interface WatchHandlers {
  /** The conversation, whenever it has changed; null when none is open any more. */
  readonly onConversation: (seen: SeenConversation | null) => void;
  readonly onCustomerTyping: (text: string) => void;
}

/** Reads the page whenever it has changed and been quiet for a moment, until the returned function is called. */
export function watch(reader: SiteReader, page: Document, handlers: WatchHandlers): () => void {
  const read = settledReader(reader);
  const observed = new WeakSet<Node>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = "null";
  let typed = "";

  const look = (): void => {
    timer = undefined;
    observeAll();
    const typing = reader.customerTyping() ?? "";
    if (typing !== typed) handlers.onCustomerTyping((typed = typing));
    const seen = read();
    const now = JSON.stringify(seen);
    if (seen === undefined || now === last) return;
    last = now;
    handlers.onConversation(seen);
  };
  // The first change starts the clock, so that a page that never rests is still read.
  const schedule = (): void => {
    timer ??= setTimeout(look, QUIET_MS);
  };
  const observer = new MutationObserver(schedule);
  const observeAll = (): void => {
    for (const root of rootsOf(page, reader.site.shadow ?? false)) {
      if (observed.has(root)) continue;
      observed.add(root);
      observer.observe(root, { childList: true, subtree: true, characterData: true, attributes: true, attributeFilter: ["class", "hidden", "style"] });
    }
  };
  page.addEventListener("input", schedule, true);
  const poll = setInterval(schedule, POLL_MS);
  look();
  return () => {
    observer.disconnect();
    page.removeEventListener("input", schedule, true);
    clearInterval(poll);
    clearTimeout(timer);
  };
}

/**
 * Reads a conversation, but not while the page still shows the messages of the one before under its name:
 * single-page applications change the address first. `undefined` means: look again later.
 */
function settledReader(reader: SiteReader, now: () => number = Date.now): () => SeenConversation | null | undefined {
  const owners = new WeakMap<Element, { readonly id: string; readonly text: string }>();
  let since: { readonly id: string; readonly at: number } | null = null;
  return () => {
    const seen = reader.read();
    if (!seen) return null;
    if (since?.id !== seen.id) since = { id: seen.id, at: now() };
    const elements = reader.elements();
    const leftover = elements.some((element) => {
      const owner = owners.get(element);
      return owner && owner.id !== seen.id && owner.text === element.textContent;
    });
    if (leftover && now() - since.at < STALE_MS) return undefined;
    for (const element of elements) owners.set(element, { id: seen.id, text: element.textContent ?? "" });
    return seen;
  };
}
