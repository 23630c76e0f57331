import type { WidgetEvents } from "./copilot.js";

type Listener<K extends keyof WidgetEvents> = (detail: WidgetEvents[K]) => void;

/** Tells listeners, and the page by DOM events on `target`. */
export class WidgetEventHub {
  private readonly listeners = new Map<keyof WidgetEvents, Set<Listener<never>>>();

  constructor(private readonly target: Element) {}

  on<K extends keyof WidgetEvents>(name: K, listener: Listener<K>): () => void {
    const known = this.listeners.get(name) ?? new Set();
    known.add(listener as Listener<never>);
    this.listeners.set(name, known);
    return () => known.delete(listener as Listener<never>);
  }

  emit<K extends keyof WidgetEvents>(name: K, detail: WidgetEvents[K]): void {
    for (const listener of [...(this.listeners.get(name) ?? [])]) (listener as Listener<K>)(detail);
    this.target.dispatchEvent(new CustomEvent(`copilot:${name}`, { detail, bubbles: true }));
  }

  /** Resolves once every promise passed to `waitUntil` has; rejects as soon as one does. */
  async insert(text: string, suggestionId: string | null, draft: string): Promise<void> {
    const waits: Promise<unknown>[] = [];
    this.emit("suggestion-inserted", { text, suggestionId, draft, waitUntil: (done) => waits.push(done) });
    await Promise.all(waits);
  }
}

export function elementOf(target: Element | string): Element {
  const found = typeof target === "string" ? document.querySelector(target) : target;
  if (!found) throw new Error(`Copilot.mount: there is no element ${String(target)}.`);
  return found;
}

/** An http(s) origin; plain http only for this machine. */
export function originOf(server: string): string {
  const url = new URL(server);
  const local = ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname) || url.hostname.endsWith(".localhost");
  if (url.protocol !== "https:" && !(url.protocol === "http:" && local)) {
    throw new Error("Copilot.mount: server must begin with https:// (http:// only for this machine).");
  }
  return url.origin;
}
