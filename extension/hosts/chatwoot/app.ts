/** A Chatwoot dashboard app: Chatwoot frames this page of ours and tells it which conversation is open. */
import { ApiError, readProblem } from "../../src/api/client.js";
import { copyText } from "../../src/panel/clipboard.js";
import type { CopilotPanel } from "../../src/panel/copilot-panel.js";
import { definePanel } from "../../src/panel/define.js";
import { WidgetController } from "../../src/widget/controller.js";
import type { Grant } from "../../src/widget/copilot.js";
import { showNotice } from "../../src/widget/element.js";
import { listedHosts } from "../../src/widget/hosts.js";
import { Relay } from "../relay.js";

const STORED_KEY = "copilot.widget.key";
const FETCH = "chatwoot-dashboard-app:fetch-info";
const ASK_AGAIN_MS = 4_000;

interface Message {
  readonly id: number;
  readonly content: string | null;
  readonly message_type: number;
  readonly private: boolean;
}

/** What Chatwoot posts as `appContext`, as far as it is used here. */
interface Context {
  readonly conversation: { readonly id: number; readonly messages: readonly Message[]; readonly channel?: string };
  readonly contact?: { readonly email?: string | null };
}

const $ = <T extends HTMLElement>(id: string): T => document.querySelector<T>(`#${id}`)!;

class ChatwootApp {
  private readonly hosts = listedHosts();
  private readonly panel = document.querySelector<CopilotPanel>("copilot-panel")!;
  private readonly relay: Relay;
  private readonly controller: WidgetController;
  private context: Context | null = null;
  private origin: string | null = null;
  private shown = "";
  private key = storage()?.getItem(STORED_KEY) ?? "";

  constructor(private readonly name: string) {
    this.controller = new WidgetController(this.panel, location.origin, {
      ask: () => this.mint(),
      insert: (text) => this.copy(text),
      emit: () => undefined,
      notice: (message, retry) => showNotice($("notice"), message, retry),
    });
    this.relay = new Relay(this.controller);
  }

  start(): void {
    addEventListener("message", this.onMessage);
    $("sign-in").addEventListener("submit", (event) => {
      event.preventDefault();
      this.key = $<HTMLInputElement>("key").value.trim();
      $<HTMLInputElement>("key").value = "";
      storage()?.setItem(STORED_KEY, this.key);
      this.show();
    });
    // Chatwoot tells of the conversation once; new messages are asked for.
    setInterval(() => document.hidden || this.fetch(), ASK_AGAIN_MS);
    this.fetch();
  }

  private fetch(): void {
    if (window.parent === window) return showNotice($("notice"), "Open this page as a dashboard app in Chatwoot.");
    for (const host of this.origin ? [this.origin] : this.hosts) window.parent.postMessage(FETCH, host);
  }

  private readonly onMessage = (event: MessageEvent): void => {
    if (event.source !== window.parent || !this.hosts.has(event.origin)) return;
    const context = readContext(event.data);
    if (!context) return;
    this.origin = event.origin;
    this.context = context;
    this.show();
  };

  private show(): void {
    $("sign-in").hidden = this.key !== "";
    if (!this.key) return showNotice($("notice"), "Sign in with the key that your administrator gave you.");
    if (!this.context) return;
    const { conversation } = this.context;
    const external = `${this.name}:${conversation.id}`;
    if (external !== this.shown) {
      this.shown = external;
      this.relay.forget();
      this.controller.open(external);
    }
    this.relay.follow(conversation.messages.flatMap((message) => this.turnOf(message)));
  }

  /** Named as the server names what webhooks tell, so that both together make each message one turn. */
  private turnOf({ id, content, message_type: type, private: isNote }: Message): { speaker: "customer" | "representative"; text: string; id: string }[] {
    if (isNote || (type !== 0 && type !== 1)) return [];
    return [{ speaker: type === 0 ? "customer" : "representative", text: (content ?? "").trim(), id: `${this.name}:message:${id}` }];
  }

  /** With the representative's own key, which stays in this page's session. */
  private async mint(): Promise<Grant> {
    const { conversation, contact } = this.context!;
    const external = {
      id: `${this.name}:${conversation.id}`,
      channel: conversation.channel === "Channel::Email" ? "email" : "chat",
      ...(contact?.email ? { customer_email: contact.email } : {}),
    };
    const response = await fetch("/v1/widget/tokens", {
      method: "POST",
      headers: { Authorization: `Bearer ${this.key}`, "Content-Type": "application/json" },
      body: JSON.stringify({ external }),
      credentials: "omit",
    });
    if (response.ok) return (await response.json()) as Grant;
    if (response.status === 401) this.signOut();
    throw new ApiError(await readProblem(response));
  }

  private signOut(): void {
    this.key = this.shown = "";
    storage()?.removeItem(STORED_KEY);
    $("sign-in").hidden = false;
  }

  /** Chatwoot lets no app write into its reply box. */
  private async copy(text: string): Promise<void> {
    if (!(await copyText(text))) throw new Error("The browser did not allow copying.");
    this.panel.notify("Copied: paste it into the reply box.");
  }
}

/** Null where the browser lets frames of other sites keep nothing: then the key is asked for with every visit. */
function storage(): Storage | null {
  try {
    return sessionStorage;
  } catch {
    return null;
  }
}

/** Null for whatever is not Chatwoot's `appContext`. */
function readContext(data: unknown): Context | null {
  if (typeof data !== "string" || data.length > 5_000_000) return null;
  try {
    const message = JSON.parse(data) as { event?: unknown; data?: Context };
    if (message.event !== "appContext") return null;
    const conversation = message.data?.conversation;
    return Number.isSafeInteger(conversation?.id) && Array.isArray(conversation?.messages) ? message.data! : null;
  } catch {
    return null;
  }
}

definePanel();
new ChatwootApp(new URLSearchParams(location.search).get("integration") ?? "chatwoot").start();
