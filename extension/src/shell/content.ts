/** Runs in the help desk's page, where the representative allowed it: reads messages, fills the reply box. */
import { insertInto, readComposer, undoInsert, type Inserted } from "./insert.js";
import { PORT_NAME, type Answer, type PickTarget, type ToPage, type ToPanel } from "./messages.js";
import type { SiteConfig } from "./sites/adapter.js";
import { genericSite, type Picked } from "./sites/generic.js";
import { pickElement, type Picking } from "./sites/picker.js";
import { SiteReader } from "./sites/reader.js";
import { watch } from "./sites/watch.js";

const TYPING_MS = 400;

/** One panel's hold on this page, for as long as its port lives. */
class PageSession {
  private reader: SiteReader | null = null;
  private stopWatching = (): void => undefined;
  private inserted: Inserted | null = null;
  private picking: Picking | null = null;
  private readonly picked: Partial<Record<PickTarget, Element>> = {};
  private typingTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly post: (message: ToPanel) => void) {}

  async receive(message: ToPage): Promise<void> {
    switch (message.kind) {
      case "watch":
        return this.watch(message.site);
      case "insert":
        return this.answer(message.request, await this.insert(message));
      case "undo":
        return this.answer(message.request, await this.undo());
      case "read-composer":
        return this.answer(message.request, { kind: "composer", text: this.composerText() });
      case "pick":
        return this.answer(message.request, await this.pick(message.target));
      case "stop-picking":
        return this.picking?.cancel();
      case "derive":
        return this.answer(message.request, this.derive());
    }
  }

  end(): void {
    this.stopWatching();
    this.picking?.cancel();
    clearTimeout(this.typingTimer);
    document.removeEventListener("input", this.onInput, true);
  }

  private answer(request: number, answer: Answer): void {
    this.post({ kind: "answer", request, answer });
  }

  private watch(site: SiteConfig): void {
    this.stopWatching();
    const reader = new SiteReader(site, document, () => location.href);
    this.reader = reader;
    document.addEventListener("input", this.onInput, true);
    this.stopWatching = watch(reader, document, {
      onConversation: (seen) => this.post({ kind: "conversation", seen }),
      onCustomerTyping: (text) => this.say("customer", text),
    });
  }

  private async insert({ conversation, text, mode }: Extract<ToPage, { kind: "insert" }>): Promise<Answer> {
    const reader = this.reader;
    if (!reader || reader.read()?.id !== conversation) {
      const reason = "Another conversation is open in the page now.";
      return { kind: "inserted", outcome: { ok: false, code: "moved", reason } };
    }
    const { inserted, ...outcome } = await insertInto(reader.composer(), text, mode, reader.site.omit);
    this.inserted = inserted ?? this.inserted;
    return { kind: "inserted", outcome };
  }

  private async undo(): Promise<Answer> {
    const done = this.inserted !== null && (await undoInsert(this.inserted, this.reader?.site.omit));
    if (done) this.inserted = null;
    return { kind: "undone", done };
  }

  private async pick(target: PickTarget): Promise<Answer> {
    this.picking?.cancel();
    this.picking = pickElement(document);
    const element = await this.picking.done;
    if (element) this.picked[target] = element;
    return { kind: "picked", done: element !== null };
  }

  private derive(): Answer {
    const { customerMessage, ownMessage, composer } = this.picked;
    if (!customerMessage || !ownMessage || !composer) return { kind: "derived", site: null, reason: "Something was not pointed at." };
    try {
      return { kind: "derived", site: genericSite(this.picked as Picked, location.href), reason: "" };
    } catch (error) {
      return { kind: "derived", site: null, reason: (error as Error).message };
    }
  }

  /** What the representative writes in the reply box; the last state of each short while. */
  private readonly onInput = (event: Event): void => {
    const composer = this.reader?.composer();
    if (!composer || !event.composedPath().includes(composer)) return;
    this.typingTimer ??= setTimeout(() => {
      this.typingTimer = undefined;
      this.say("representative", this.composerText());
    }, TYPING_MS);
  };

  private composerText(): string {
    const composer = this.reader?.composer();
    return composer ? readComposer(composer, this.reader?.site.omit) : "";
  }

  private say(speaker: "customer" | "representative", text: string): void {
    const conversation = this.reader?.read()?.id;
    if (conversation) this.post({ kind: "typing", conversation, speaker, text });
  }
}

const page = globalThis as { copilotContentScript?: true };
if (!page.copilotContentScript) {
  page.copilotContentScript = true; // Injected again by every panel that opens; one listener is enough.
  chrome.runtime.onConnect.addListener((port) => {
    // Only our own extension can connect here: there is no `externally_connectable`, and the page is never heard.
    if (port.name !== PORT_NAME || port.sender?.id !== chrome.runtime.id) return;
    const session = new PageSession((message) => port.postMessage(message));
    port.onMessage.addListener((message: ToPage) => void session.receive(message));
    port.onDisconnect.addListener(() => session.end());
  });
}
