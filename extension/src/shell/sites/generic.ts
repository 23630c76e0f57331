import type { SeenConversation, SeenMessage, SiteAdapter, SiteConfig } from "./adapter.js";

/** Reads any page by the selectors the representative configured for it. */
export class GenericSite implements SiteAdapter {
  constructor(
    private readonly config: SiteConfig,
    private readonly page: Document,
    private readonly address: () => string,
  ) {}

  read(): SeenConversation | null {
    const id = this.conversationId();
    if (id === null) return null;
    const messages = [...this.page.querySelectorAll<HTMLElement>(this.config.message)].map((element) =>
      this.readMessage(element),
    );
    return { id, messages: messages.filter((message) => message.text !== "") };
  }

  composer(): HTMLElement | null {
    return this.page.querySelector<HTMLElement>(this.config.composer);
  }

  private conversationId(): string | null {
    const match = new RegExp(this.config.conversation).exec(this.address());
    return match ? (match[1] ?? match[0]) : null;
  }

  private readMessage(element: HTMLElement): SeenMessage {
    const { text, customer } = this.config;
    const source = text ? element.querySelector<HTMLElement>(text) : element;
    const byCustomer = element.matches(customer) || element.querySelector(customer) !== null;
    return {
      speaker: byCustomer ? "customer" : "representative",
      text: (source?.innerText ?? source?.textContent ?? "").trim(),
    };
  }
}
