import type { CopilotApi, Grant, MountOptions, Theme, Widget, WidgetEvents, WidgetTurn } from "./copilot.js";
import { elementOf, originOf, WidgetEventHub } from "./events.js";
import { otherVersion, readFromFrame, type ToFrame, type ToPage, VERSION, wrap } from "./protocol.js";

const ANSWER_MS = 15_000;

/** The page's end of the frame: it holds no conversation, only asks and tells. */
class FramedWidget implements Widget {
  private readonly hub: WidgetEventHub;
  private readonly frame: HTMLIFrameElement;
  private readonly origin: string;
  private readonly turns = new Map<number, { resolve: (id: string) => void; reject: (error: Error) => void }>();
  private request = 0;
  private conversation: string;
  private given: Grant | string | undefined;
  private theme: Theme;
  private locale: string;
  private draft = "";
  private ready = false;
  private queue: ToFrame[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: MountOptions) {
    const target = elementOf(options.target);
    this.origin = originOf(options.server);
    this.hub = new WidgetEventHub(target);
    this.conversation = options.conversation ?? "";
    this.given = options.token;
    this.theme = options.theme ?? "auto";
    this.locale = options.locale ?? "";
    if (options.onError) this.hub.on("error", options.onError);
    this.frame = this.makeFrame();
    addEventListener("message", this.onMessage);
    this.frame.addEventListener("load", this.onLoad);
    target.append(this.frame);
  }

  setConversation(conversation: string | null, token?: Grant | string): void {
    this.conversation = conversation ?? "";
    this.given = token;
    this.tell({ type: "conversation", conversation: this.conversation });
  }

  addTurn({ speaker, text, id = "" }: WidgetTurn): Promise<string> {
    const request = (this.request += 1);
    return new Promise((resolve, reject) => {
      this.turns.set(request, { resolve, reject });
      this.tell({ type: "turn", request, speaker, text, id });
    });
  }

  setDraft(text: string): void {
    this.draft = text;
    this.tell({ type: "draft", draft: text });
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    this.tell({ type: "theme", theme });
  }

  setLocale(locale: string): void {
    this.locale = locale;
    this.tell({ type: "locale", locale });
  }

  on<K extends keyof WidgetEvents>(name: K, listener: (detail: WidgetEvents[K]) => void): () => void {
    return this.hub.on(name, listener);
  }

  destroy(): void {
    clearTimeout(this.timer);
    removeEventListener("message", this.onMessage);
    this.frame.removeEventListener("load", this.onLoad);
    this.frame.remove();
    for (const { reject } of this.turns.values()) reject(new Error("The copilot was taken out of the page."));
    this.turns.clear();
  }

  private makeFrame(): HTMLIFrameElement {
    const frame = document.createElement("iframe");
    const tenant = this.options.tenant ? `?tenant=${encodeURIComponent(this.options.tenant)}` : "";
    frame.title = "Copilot";
    frame.src = `${this.origin}/widget${tenant}`; // An address is logged and shared: no token ever stands in it.
    frame.referrerPolicy = "no-referrer";
    frame.allow = "clipboard-write";
    frame.setAttribute("sandbox", "allow-scripts allow-same-origin allow-forms allow-popups");
    frame.style.cssText = "border:0;width:100%;height:100%;min-height:320px;display:block;color-scheme:normal";
    return frame;
  }

  private readonly onLoad = (): void => {
    this.ready = false;
    const { conversation, theme, locale, draft } = this;
    this.post({ type: "init", conversation, theme, locale, draft });
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const message = "The copilot's server does not answer, or does not let this page frame it.";
      this.hub.emit("error", { code: "no_answer", message });
    }, ANSWER_MS);
  };

  private readonly onMessage = (event: MessageEvent): void => {
    if (event.source !== this.frame.contentWindow || event.origin !== this.origin) return;
    const message = readFromFrame(event.data);
    if (message) return this.receive(message);
    if (otherVersion(event.data) !== null) this.incompatible();
  };

  private receive(message: ToPage): void {
    switch (message.type) {
      case "ready":
        this.ready = true;
        clearTimeout(this.timer);
        for (const waiting of this.queue.splice(0)) this.post(waiting);
        return;
      case "incompatible":
        return this.incompatible();
      case "token_wanted":
        return void this.answerForToken(message.request, message.conversation, message.why);
      case "turn_added":
        return this.settleTurn(message.request, message.turn, message.problem);
      case "insert":
        return void this.insert(message.request, message.text, message.suggestion || null, message.draft);
      case "event":
        return this.relay(message.name as keyof WidgetEvents, message.detail);
    }
  }

  private relay(name: keyof WidgetEvents, json: string): void {
    try {
      this.hub.emit(name, JSON.parse(json) as never);
    } catch {
      // Not JSON: nothing that our frame sends.
    }
  }

  private async answerForToken(request: number, conversation: string, why: "start" | "expiring" | "expired"): Promise<void> {
    try {
      const { token, conversation_id = conversation, expires_at = "" } = await this.tokenFor(conversation, why);
      this.post({ type: "grant", request, token, conversation_id, expires_at });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.post({ type: "refused", request, message: message.slice(0, 500) });
    }
  }

  private async tokenFor(conversation: string, why: "start" | "expiring" | "expired"): Promise<Grant> {
    const given = this.given; // Good for once: what has ended is not offered again.
    this.given = undefined;
    if (given && why === "start" && conversation === this.conversation) return typeof given === "string" ? { token: given } : given;
    if (!this.options.getToken) throw new Error("The page has no other token for the copilot.");
    const got = await this.options.getToken(conversation, why);
    return typeof got === "string" ? { token: got } : got;
  }

  private settleTurn(request: number, turn: string, problem: string): void {
    const waiting = this.turns.get(request);
    this.turns.delete(request);
    if (problem) waiting?.reject(new Error(problem));
    else waiting?.resolve(turn);
  }

  private async insert(request: number, text: string, suggestionId: string | null, draft: string): Promise<void> {
    let problem = "";
    try {
      await this.hub.insert(text, suggestionId, draft);
      this.draft = draft;
    } catch (error) {
      problem = (error instanceof Error && error.message) || "The text could not be inserted.";
    }
    this.post({ type: "inserted", request, problem: problem.slice(0, 500) });
  }

  private incompatible(): void {
    clearTimeout(this.timer);
    const message = `The copilot's server does not speak version ${VERSION} with this page: load its copilot.js anew.`;
    this.hub.emit("error", { code: "incompatible", message });
  }

  private tell(message: ToFrame): void {
    if (this.ready) this.post(message);
    else if (message.type === "turn") this.queue.push(message); // The rest is in `init`.
  }

  private post(message: ToFrame): void {
    this.frame.contentWindow?.postMessage(wrap(message), this.origin);
  }
}

export const mount = (options: MountOptions): Widget => new FramedWidget(options);
export const Copilot: CopilotApi = Object.freeze({ protocol: VERSION, mount });
