import { ApiError, CopilotClient } from "../api/client.js";
import type { CopilotPanel } from "../panel/copilot-panel.js";
import { definePanel } from "../panel/define.js";
import type { InsertedDetail } from "../panel/events.js";
import type { InsertOutcome } from "./insert.js";
import { PORT_NAME, type ToPage, type ToPanel } from "./messages.js";
import { Relay, type RelayEntry, type RelayMemory } from "./relay.js";
import { loadSettings, loadToken } from "./settings.js";
import type { SeenConversation, SiteConfig } from "./sites/adapter.js";

const memory: RelayMemory = {
  async get(id) {
    const key = `relay:${id}`;
    return ((await chrome.storage.session.get(key))[key] as RelayEntry | undefined) ?? null;
  },
  async set(id, entry) {
    await chrome.storage.session.set({ [`relay:${id}`]: entry });
  },
};

/** The side panel: follows the active tab's conversation and shows the server's panel for it. */
class SidePanel {
  private port: chrome.runtime.Port | null = null;
  private relay: Relay | null = null;
  private seen: SeenConversation | null = null;
  private request = 0;
  private attempt = 0;
  private readonly waiting = new Map<number, (outcome: InsertOutcome) => void>();

  constructor(
    private readonly panel: CopilotPanel,
    private readonly notice: HTMLElement,
  ) {}

  async start(): Promise<void> {
    this.panel.addEventListener("copilot:suggestion-inserted", (event) => {
      const { text, waitUntil } = (event as CustomEvent<InsertedDetail>).detail;
      waitUntil(this.insert(text));
    });
    chrome.tabs.onActivated.addListener(() => void this.attach());
    chrome.tabs.onUpdated.addListener((_id, change, tab) => {
      if (tab.active && change.status === "complete") void this.attach();
    });
    chrome.storage.onChanged.addListener((changes) => {
      if ("token" in changes || "serverUrl" in changes || "sites" in changes) void this.attach();
    });
    await this.attach();
  }

  private async attach(): Promise<void> {
    const attempt = (this.attempt += 1); // Tabs change faster than pages answer: only the last one counts.
    this.port?.disconnect();
    this.port = null;
    this.seen = null;
    const [settings, token, [tab]] = await Promise.all([
      loadSettings(),
      loadToken(),
      chrome.tabs.query({ active: true, currentWindow: true }),
    ]);
    if (attempt !== this.attempt) return;
    this.panel.conversationId = "";
    this.panel.baseUrl = settings.serverUrl;
    this.panel.token = token;
    if (!token) return this.say("Enter the server's address and your key in the options.", true);
    if (!tab?.id || !tab.url) return this.say("Press the copilot's button in the tab to read it.");
    const origin = new URL(tab.url).origin;
    const site = settings.sites[origin];
    if (!site) return this.say(`Say in the options how to read ${origin}.`, true);
    this.relay = new Relay(new CopilotClient({ baseUrl: settings.serverUrl, token }), memory, origin);
    await this.connect(tab.id, site, attempt);
  }

  private async connect(tabId: number, site: SiteConfig, attempt: number): Promise<void> {
    try {
      await chrome.scripting.executeScript({ target: { tabId }, files: ["content.js"] });
    } catch {
      return this.say("Press the copilot's button in the tab to read it.");
    }
    if (attempt !== this.attempt) return;
    const port = chrome.tabs.connect(tabId, { name: PORT_NAME });
    this.port = port;
    port.onMessage.addListener((message: ToPanel) => port === this.port && this.receive(message));
    port.onDisconnect.addListener(() => this.failAll("The page has gone."));
    this.post({ kind: "watch", site });
    this.say("");
  }

  private receive(message: ToPanel): void {
    if (message.kind === "inserted") {
      this.waiting.get(message.request)?.(message.outcome);
      this.waiting.delete(message.request);
    } else {
      this.seen = message.seen;
      void this.follow(message.seen);
    }
  }

  private async follow(seen: SeenConversation): Promise<void> {
    try {
      const id = await this.relay?.follow(seen);
      if (id && this.seen?.id === seen.id) this.panel.conversationId = id;
    } catch (error) {
      this.say(error instanceof ApiError ? error.message : "The messages could not be sent to the server.");
    }
  }

  private async insert(text: string): Promise<void> {
    if (!this.port || !this.seen) throw new Error("No conversation is open in the page.");
    const request = (this.request += 1);
    const outcome = new Promise<InsertOutcome>((resolve) => this.waiting.set(request, resolve));
    this.post({ kind: "insert", request, conversation: this.seen.id, text });
    const result = await outcome;
    if (!result.ok) throw new Error(result.reason);
  }

  private post(message: ToPage): void {
    this.port?.postMessage(message);
  }

  private failAll(reason: string): void {
    for (const resolve of this.waiting.values()) resolve({ ok: false, reason });
    this.waiting.clear();
  }

  private say(text: string, withOptions = false): void {
    this.notice.replaceChildren(text);
    this.notice.hidden = !text;
    if (!withOptions) return;
    const button = document.createElement("button");
    button.textContent = "Options";
    button.addEventListener("click", () => void chrome.runtime.openOptionsPage());
    this.notice.append(" ", button);
  }
}

definePanel();
void new SidePanel(
  document.querySelector<CopilotPanel>("copilot-panel")!,
  document.querySelector<HTMLElement>("#notice")!,
).start();
