import { CopilotClient } from "../api/client.js";
import type { Bearer } from "../api/credential.js";
import type { CopilotPanel } from "../panel/copilot-panel.js";
import type { InsertedDetail } from "../panel/events.js";
import type { InsertMode } from "./insert.js";
import type { ToPanel } from "./messages.js";
import { Question, show } from "./notices.js";
import type { OutboxState } from "./outbox.js";
import { PageLink } from "./page-link.js";
import { Relay } from "./relay.js";
import { hostPattern, loadSettings, setOff, setSite, type Settings } from "./settings.js";
import { isAnother, loadBearer } from "./signed-in.js";
import type { SeenConversation, SiteConfig } from "./sites/adapter.js";
import { siteFor } from "./sites/registry.js";
import { exclusive, storeIn } from "./store.js";
import { teach } from "./teach.js";

interface Places {
  readonly panel: CopilotPanel;
  /** What has to be done before anything works. */
  readonly notice: HTMLElement;
  /** What waits to be sent, and why. */
  readonly waiting: HTMLElement;
  readonly question: HTMLElement;
  readonly site: HTMLElement;
}

interface Tab {
  readonly id: number;
  readonly url: URL;
}

const PRESS = "Press the copilot's button in the toolbar while this tab is open, so that it may be read.";
const UNDO_MS = 15_000;
const RETRY_MS = 3000;
const GONE_MS = 500;

/** Follows the active tab's conversation and shows the server's panel for it. */
export class Follower {
  private page: PageLink | null = null;
  private relay: Relay | null = null;
  private tab: Tab | null = null;
  private seen: SeenConversation | null = null;
  private attempt = 0;
  private undoTimer: ReturnType<typeof setTimeout> | undefined;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly question: Question;
  private readonly windowId = chrome.windows.getCurrent().then((current) => current.id);

  constructor(private readonly at: Places) {
    this.question = new Question(at.question);
  }

  async start(): Promise<void> {
    this.at.panel.addEventListener("copilot:suggestion-inserted", (event) => {
      const { text, mode, waitUntil } = (event as CustomEvent<InsertedDetail & { mode?: "insert" | "append" }>).detail;
      waitUntil(this.insert(text, mode === "append" ? "append" : "empty"));
    });
    this.at.panel.addEventListener("copilot:own-text-requested", (event) => {
      (event as CustomEvent<{ provide(text: Promise<string>): void }>).detail.provide(this.ownText());
    });
    const again = (): void => void this.attach();
    chrome.tabs.onActivated.addListener(({ windowId }) => void this.windowId.then((own) => own === windowId && again()));
    chrome.tabs.onUpdated.addListener((id, change, tab) => {
      // A page that only changes its own address says "complete" too, and is still being read.
      const stillThere = this.page !== null && this.tab?.id === id;
      if (tab.active && change.status === "complete" && !stillThere) again();
    });
    chrome.permissions.onAdded.addListener(again);
    chrome.permissions.onRemoved.addListener(again);
    chrome.storage.onChanged.addListener((changes) => {
      if (isAnother(changes) || "serverUrl" in changes || "sites" in changes || "off" in changes) again();
    });
    globalThis.addEventListener("online", () => void this.relay?.flush());
    await this.attach();
  }

  private async attach(): Promise<void> {
    const attempt = (this.attempt += 1); // Tabs change faster than pages answer: only the last one counts.
    this.detach();
    const settings = await loadSettings();
    const [bearer, [tab]] = await Promise.all([
      loadBearer(settings.serverUrl),
      chrome.tabs.query({ active: true, currentWindow: true }),
    ]);
    if (attempt !== this.attempt) return;
    this.at.panel.baseUrl = settings.serverUrl;
    this.at.panel.token = bearer;
    if (!bearer) return show(this.at.notice, "Enter the server's address and sign in to begin.", [this.optionsChoice()]);
    this.serve(settings, bearer);
    this.tab = tab?.id !== undefined && tab.url ? { id: tab.id, url: new URL(tab.url) } : null;
    await this.meet(settings, attempt);
  }

  private detach(): void {
    this.page?.close();
    this.page = null;
    this.tab = null;
    this.seen = null;
    this.relay?.stop();
    this.relay = null;
    clearTimeout(this.retryTimer);
    this.question.close();
    this.at.panel.conversationId = "";
    show(this.at.notice, "");
    show(this.at.waiting, "");
    show(this.at.site, "");
  }

  private serve(settings: Settings, token: Bearer): void {
    this.relay = new Relay({
      client: new CopilotClient({ baseUrl: settings.serverUrl, token }, undefined, []), // The outbox tries again.
      server: settings.serverUrl,
      session: storeIn(chrome.storage.session),
      disk: storeIn(chrome.storage.local),
      exclusive,
      onState: (state) => this.showWaiting(state),
      onConversation: (lane, id) => lane === this.lane() && (this.at.panel.conversationId = id),
    });
    this.at.panel.feedbackSink = this.relay;
    void this.relay.flush(); // What an earlier panel could not send.
  }

  /** Says what stands between the tab and being read; reads it when nothing does. */
  private async meet(settings: Settings, attempt: number): Promise<void> {
    const { tab } = this;
    if (!tab) return show(this.at.notice, PRESS);
    const { origin, protocol, host } = tab.url;
    if (!/^https?:$/.test(protocol)) return show(this.at.notice, "Open your help desk in this tab.");
    const off = settings.off.includes(origin);
    const site = siteFor(tab.url, settings.sites);
    this.showSite(settings, site, off);
    if (off) return;
    let page: PageLink;
    try {
      page = await this.open(tab);
    } catch {
      if (attempt === this.attempt) show(this.at.notice, `The copilot may not read ${host} yet.`, [this.allowChoice(origin)]);
      return;
    }
    if (attempt !== this.attempt) return page.close();
    this.page = page;
    if (site) page.post({ kind: "watch", site });
    else show(this.at.notice, `${host} is not a help desk the copilot knows.`, [this.teachChoice("Show it where things are")]);
  }

  private async open(tab: Tab): Promise<PageLink> {
    const link: PageLink = await PageLink.open(tab.id, {
      onMessage: (message) => link === this.page && this.receive(message),
      onGone: () => {
        if (link !== this.page) return;
        this.page = null;
        this.seen = null;
        // The next page may have been complete before this one was gone; then nobody tells of it again.
        this.retryTimer = setTimeout(() => this.page === null && void this.attach(), GONE_MS);
      },
    });
    return link;
  }

  // ---- what the page says

  private receive(message: Exclude<ToPanel, { kind: "answer" }>): void {
    if (message.kind === "typing") return this.tellTyping(message);
    if (message.seen?.id !== this.seen?.id) {
      this.at.panel.conversationId = "";
      this.question.close();
    }
    this.seen = message.seen;
    if (message.seen) void this.follow(message.seen);
  }

  private async follow(seen: SeenConversation): Promise<void> {
    const { relay } = this;
    if (!relay || !this.tab) return;
    clearTimeout(this.retryTimer);
    try {
      await relay.follow(this.tab.url.origin, seen);
    } catch (error) {
      if (relay !== this.relay) return;
      show(this.at.waiting, error instanceof Error ? error.message : "The conversation could not be read.");
      this.retryTimer = setTimeout(() => this.seen && void this.follow(this.seen), RETRY_MS);
    }
  }

  private tellTyping({ conversation, speaker, text }: Extract<ToPanel, { kind: "typing" }>): void {
    const id = this.at.panel.conversationId;
    if (!id || conversation !== this.seen?.id) return;
    const client = new CopilotClient({ baseUrl: this.at.panel.baseUrl, token: this.at.panel.token });
    client.showTyping(id, speaker, text).catch(() => undefined); // A courtesy: the turn will come all the same.
  }

  private lane(): string | null {
    return this.relay && this.tab && this.seen ? this.relay.laneName(this.tab.url.origin, this.seen.id) : null;
  }

  // ---- inserting

  /** What the representative has written in the reply box. */
  private async ownText(): Promise<string> {
    return this.page ? (await this.page.ask("composer", { kind: "read-composer" })).text : "";
  }

  private async insert(text: string, mode: InsertMode): Promise<void> {
    const { page, seen } = this;
    if (!page || !seen) throw new Error("No conversation is open in the page.");
    const { outcome } = await page.ask("inserted", { kind: "insert", conversation: seen.id, text, mode });
    if (outcome.ok) return this.offerUndo(page);
    if (outcome.code !== "draft") throw new Error(outcome.reason);
    const answer = await this.question.ask(outcome.reason, ["Append", "Replace it", "Cancel"]);
    if (answer !== 0 && answer !== 1) throw new Error("Not inserted.");
    return this.insert(text, answer === 0 ? "append" : "replace");
  }

  private offerUndo(page: PageLink): void {
    clearTimeout(this.undoTimer);
    const hide = (): void => show(this.at.question, "");
    const undo = async (): Promise<void> => {
      hide();
      const { done } = await page.ask("undone", { kind: "undo" });
      this.at.panel.notify(done ? "Taken back" : "It was changed since, so it stays.");
    };
    show(this.at.question, "Inserted. Check it, then send it yourself.", [{ label: "Undo", act: () => void undo() }]);
    this.undoTimer = setTimeout(hide, UNDO_MS);
  }

  // ---- the lines around the panel

  private showWaiting({ waiting, problem }: OutboxState): void {
    const what = waiting === 1 ? "1 thing waits." : `${waiting} things wait.`;
    show(this.at.waiting, problem ? [problem, waiting ? what : ""].join(" ").trim() : "");
    if (problem) this.at.waiting.append(" ", tryNow(() => void this.relay?.flush()));
  }

  private showSite({ sites }: Settings, site: SiteConfig | null, off: boolean): void {
    const { origin, host } = this.tab!.url;
    const own = origin in sites;
    const switching = { label: off ? "Turn on here" : "Turn off here", act: () => void setOff(origin, !off) };
    const forgetting = { label: "Forget this page", act: () => void setSite(origin, null) };
    const name = site && !own ? `${site.name}, ${host}` : host;
    show(this.at.site, off ? `${name}: off` : name, [
      switching,
      ...(off ? [] : [own ? forgetting : this.teachChoice("Reads wrongly?")]),
      this.optionsChoice(),
    ]);
  }

  private optionsChoice() {
    return { label: "Options", act: () => void chrome.runtime.openOptionsPage() };
  }

  private allowChoice(origin: string) {
    // Asked straight from the click: the browser takes it from nowhere else.
    return { label: "Allow", act: () => void chrome.permissions.request({ origins: [hostPattern(origin)] }) };
  }

  private teachChoice(label: string) {
    return { label, act: () => void this.teach() };
  }

  private async teach(): Promise<void> {
    const { page, tab } = this;
    if (!page || !tab) return;
    try {
      const site = await teach(page, this.question);
      if (site) await setSite(tab.url.origin, site);
    } catch (error) {
      show(this.at.question, (error as Error).message, [this.teachChoice("Try again")]);
    }
  }
}

function tryNow(act: () => void): HTMLButtonElement {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Try now";
  button.addEventListener("click", act);
  return button;
}
