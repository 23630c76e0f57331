/** <copilot-panel> in the page itself: for pages that trust the copilot with all they hold, and it with them. */
import { CopilotPanel } from "../panel/copilot-panel.js";
import { definePanel } from "../panel/define.js";
import { grantOf, WidgetController } from "./controller.js";
import type { CopilotApi, Grant, MountOptions, Theme, Widget, WidgetEvents, WidgetTurn } from "./copilot.js";
import { elementOf, originOf, WidgetEventHub } from "./events.js";
import { VERSION } from "./protocol.js";

class ElementWidget implements Widget {
  private readonly hub: WidgetEventHub;
  private readonly panel: CopilotPanel;
  private readonly note: HTMLParagraphElement;
  private readonly controller: WidgetController;
  private given: Grant | string | undefined;

  constructor(options: MountOptions) {
    definePanel();
    const target = elementOf(options.target);
    this.hub = new WidgetEventHub(target);
    if (options.onError) this.hub.on("error", options.onError);
    this.given = options.token;
    this.panel = document.createElement("copilot-panel") as CopilotPanel;
    this.note = document.createElement("p");
    this.note.setAttribute("role", "status");
    this.controller = new WidgetController(this.panel, originOf(options.server), {
      ask: async (conversation, why) => {
        const given = this.given;
        this.given = undefined;
        if (given && why === "start") return grantOf(given);
        if (!options.getToken) throw new Error("The page has no other token for the copilot.");
        return grantOf(await options.getToken(conversation, why));
      },
      insert: (text, suggestionId, draft) => this.hub.insert(text, suggestionId, draft),
      emit: (name, detail) => this.hub.emit(name, detail),
      notice: (message, retry) => showNotice(this.note, message, retry),
    });
    this.controller.setTheme(options.theme ?? "auto");
    this.controller.setLocale(options.locale ?? "");
    target.append(this.note, this.panel);
    this.controller.open(options.conversation ?? null);
  }

  setConversation(conversation: string | null, token?: Grant | string): void {
    this.given = token;
    this.controller.open(conversation);
  }

  addTurn(turn: WidgetTurn): Promise<string> {
    return this.controller.addTurn(turn);
  }

  setDraft(text: string): void {
    this.controller.setDraft(text);
  }

  setTheme(theme: Theme): void {
    this.controller.setTheme(theme);
  }

  setLocale(locale: string): void {
    this.controller.setLocale(locale);
  }

  on<K extends keyof WidgetEvents>(name: K, listener: (detail: WidgetEvents[K]) => void): () => void {
    return this.hub.on(name, listener);
  }

  destroy(): void {
    this.controller.destroy();
    this.panel.remove();
    this.note.remove();
  }
}

/** A line where the panel would be, with a button to try again. */
export function showNotice(place: HTMLElement, message: string | null, retry?: () => void): void {
  place.hidden = message === null;
  place.replaceChildren(message ?? "");
  if (!retry) return;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Try again";
  button.addEventListener("click", retry);
  place.append(" ", button);
}

export const mount = (options: MountOptions): Widget => new ElementWidget(options);
export const Copilot: CopilotApi = Object.freeze({ protocol: VERSION, mount });
