/** The page in the frame: the panel, and nobody but the page around it that the server lets frame it. */
import type { CopilotPanel } from "../panel/copilot-panel.js";
import { definePanel } from "../panel/define.js";
import { messageOf, type Surroundings, WidgetController } from "./controller.js";
import type { Grant } from "./copilot.js";
import { showNotice } from "./element.js";
import { listedHosts } from "./hosts.js";
import { otherVersion, readFromPage, type ToFrame, type ToPage, VERSION, wrap } from "./protocol.js";

const PATIENCE_MS = 30_000;

type Answer = Extract<ToFrame, { type: "grant" | "refused" | "inserted" }>;

class Frame implements Surroundings {
  private readonly hosts = listedHosts();
  private readonly waiting = new Map<number, (answer: Answer) => void>();
  private readonly controller: WidgetController;
  private peer: string | null = null;
  private request = 0;

  constructor(
    panel: CopilotPanel,
    private readonly note: HTMLElement,
  ) {
    this.controller = new WidgetController(panel, location.origin, this);
    addEventListener("message", this.onMessage);
  }

  async ask(conversation: string, why: "start" | "expiring" | "expired"): Promise<Grant> {
    const answer = await this.call(
      (request) => ({ type: "token_wanted", request, conversation, why }),
      (request) => ({ type: "refused", request, message: "The page gave no token." }),
    );
    if (answer.type !== "grant") throw new Error(answer.type === "refused" ? answer.message : "");
    const { token, conversation_id, expires_at } = answer;
    return expires_at ? { token, conversation_id, expires_at } : { token, conversation_id };
  }

  async insert(text: string, suggestionId: string | null, draft: string): Promise<void> {
    const answer = await this.call(
      (request) => ({ type: "insert", request, text, suggestion: suggestionId ?? "", draft }),
      (request) => ({ type: "inserted", request, problem: "The page did not say whether it took the text." }),
    );
    if (answer.type === "inserted" && answer.problem) throw new Error(answer.problem);
  }

  emit(name: string, detail: unknown): void {
    this.post({ type: "event", name, detail: JSON.stringify(detail) });
  }

  notice(message: string | null, retry?: () => void): void {
    showNotice(this.note, message, retry);
  }

  private readonly onMessage = (event: MessageEvent): void => {
    if (window.parent === window || event.source !== window.parent) return;
    if (!this.hosts.has(event.origin) || (this.peer !== null && this.peer !== event.origin)) return;
    const message = readFromPage(event.data);
    if (!message) {
      const wrong = otherVersion(event.data) !== null;
      if (wrong) window.parent.postMessage(wrap<ToPage>({ type: "incompatible", speaks: VERSION }), event.origin);
      return;
    }
    if (message.type === "init") this.peer = event.origin; // From now on nobody else is heard.
    if (this.peer !== null) this.receive(message);
  };

  private receive(message: ToFrame): void {
    switch (message.type) {
      case "init":
        this.controller.setTheme(message.theme);
        this.setTheme(message.theme);
        this.controller.setLocale(message.locale);
        this.controller.setDraft(message.draft);
        this.post({ type: "ready" });
        return this.controller.open(message.conversation || null);
      case "conversation":
        return this.controller.open(message.conversation || null);
      case "theme":
        this.setTheme(message.theme);
        return this.controller.setTheme(message.theme);
      case "locale":
        return this.controller.setLocale(message.locale);
      case "draft":
        return this.controller.setDraft(message.draft);
      case "turn":
        return void this.addTurn(message);
      case "grant":
      case "refused":
      case "inserted":
        this.settle(message);
    }
  }

  private setTheme(theme: string): void {
    document.documentElement.dataset["theme"] = theme;
  }

  private async addTurn({ request, speaker, text, id }: Extract<ToFrame, { type: "turn" }>): Promise<void> {
    try {
      const turn = await this.controller.addTurn(id ? { speaker, text, id } : { speaker, text });
      this.post({ type: "turn_added", request, turn, problem: "" });
    } catch (error) {
      this.post({ type: "turn_added", request, turn: "", problem: messageOf(error).slice(0, 500) });
    }
  }

  /** The page's answer; `otherwise` when it gives none. */
  private call(message: (request: number) => ToPage, otherwise: (request: number) => Answer): Promise<Answer> {
    const request = (this.request += 1);
    return new Promise((resolve) => {
      this.waiting.set(request, resolve);
      setTimeout(() => this.settle(otherwise(request)), PATIENCE_MS);
      this.post(message(request));
    });
  }

  private settle(answer: Answer): void {
    this.waiting.get(answer.request)?.(answer);
    this.waiting.delete(answer.request);
  }

  private post(message: ToPage): void {
    if (this.peer !== null) window.parent.postMessage(wrap(message), this.peer);
  }
}

definePanel();
new Frame(document.querySelector<CopilotPanel>("copilot-panel")!, document.querySelector<HTMLElement>("#notice")!);
