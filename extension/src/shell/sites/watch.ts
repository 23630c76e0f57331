import type { SeenConversation, SiteAdapter } from "./adapter.js";

const QUIET_MS = 150;

/** Calls back with the conversation whenever it has changed and the page has been quiet for a moment. */
export function watch(site: SiteAdapter, page: Document, onChange: (seen: SeenConversation) => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = "";
  const look = (): void => {
    timer = undefined;
    const seen = site.read();
    const now = JSON.stringify(seen);
    if (!seen || now === last) return;
    last = now;
    onChange(seen);
  };
  // The first change starts the clock, so that a page that never rests is still read.
  const schedule = (): void => {
    timer ??= setTimeout(look, QUIET_MS);
  };
  const observer = new MutationObserver(schedule);
  observer.observe(page.documentElement, { childList: true, subtree: true, characterData: true });
  look();
  return () => {
    observer.disconnect();
    clearTimeout(timer);
  };
}
