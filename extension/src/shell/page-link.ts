import { PORT_NAME, type Answer, type ToPage, type ToPanel } from "./messages.js";

type AnswerKind = Answer["kind"];
type Request = Extract<ToPage, { request: number }>;
/** A request without its number. */
export type Asking = { [K in Request["kind"]]: Omit<Extract<Request, { kind: K }>, "request"> }[Request["kind"]];

export interface PageHandlers {
  readonly onMessage: (message: Exclude<ToPanel, { kind: "answer" }>) => void;
  readonly onGone: () => void;
}

/** The panel's line to one tab's content script. */
export class PageLink {
  private request = 0;
  private readonly waiting = new Map<number, { resolve: (answer: Answer) => void; reject: (error: Error) => void }>();

  private constructor(
    private readonly port: chrome.runtime.Port,
    handlers: PageHandlers,
  ) {
    port.onMessage.addListener((message: ToPanel) => {
      if (message.kind !== "answer") return handlers.onMessage(message);
      this.waiting.get(message.request)?.resolve(message.answer);
      this.waiting.delete(message.request);
    });
    port.onDisconnect.addListener(() => {
      this.fail();
      handlers.onGone();
    });
  }

  /** Puts the content script into the tab and connects; rejects where the extension may not read. */
  static async open(tabId: number, handlers: PageHandlers): Promise<PageLink> {
    await chrome.scripting.executeScript({ target: { tabId }, files: ["content.js"] });
    return new PageLink(chrome.tabs.connect(tabId, { name: PORT_NAME, frameId: 0 }), handlers);
  }

  post(message: ToPage): void {
    this.port.postMessage(message);
  }

  ask<K extends AnswerKind>(kind: K, asking: Asking): Promise<Extract<Answer, { kind: K }>> {
    const request = (this.request += 1);
    return new Promise((resolve, reject) => {
      this.waiting.set(request, {
        resolve: (answer) => (answer.kind === kind ? resolve(answer as Extract<Answer, { kind: K }>) : reject(new Error("The page gave another answer."))),
        reject,
      });
      this.post({ ...asking, request } as ToPage);
    });
  }

  close(): void {
    this.port.disconnect(); // Tells only the other end.
    this.fail();
  }

  private fail(): void {
    for (const { reject } of this.waiting.values()) reject(new Error("The page has gone."));
    this.waiting.clear();
  }
}
