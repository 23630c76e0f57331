import type { Role, SeenConversation, SeenMessage, SiteConfig } from "./adapter.js";
import { findAll, has, isVisible, textOf } from "./dom.js";

/** Reads the open conversation of a page by a site's selectors. */
export class SiteReader {
  constructor(
    readonly site: SiteConfig,
    private readonly page: Document,
    private readonly address: () => string,
  ) {}

  /** Null while no conversation is open. */
  read(): SeenConversation | null {
    const thread = this.thread();
    const id = thread && this.conversationId(thread);
    if (!thread || !id) return null;
    const messages = this.messageElements(thread).map((element) => this.readMessage(element));
    return { id, channel: this.site.channel, messages: numberTwins(messages).filter((m) => m.text || m.id) };
  }

  /** The elements behind `read`'s messages, so that leftovers of another conversation are known. */
  elements(): HTMLElement[] {
    const thread = this.thread();
    return thread ? this.messageElements(thread) : [];
  }

  composer(): HTMLElement | null {
    return this.find(this.page, this.site.composer).find(isVisible) ?? null;
  }

  /** What the customer has written and not sent; null where the page does not show it. */
  customerTyping(): string | null {
    if (!this.site.typing) return null;
    const [shown] = this.find(this.page, this.site.typing).filter(isVisible);
    if (!shown) return "";
    return isField(shown) ? shown.value : textOf(shown, this.site.omit);
  }

  private thread(): HTMLElement | null {
    return this.find(this.page, this.site.thread).find(isVisible) ?? null;
  }

  private conversationId(thread: HTMLElement): string | null {
    const { conversation } = this.site;
    if ("address" in conversation) {
      const match = new RegExp(conversation.address).exec(this.address());
      return match ? (match[1] ?? match[0]) : null;
    }
    const { selector, attribute } = conversation;
    const named = thread.closest(selector) ?? this.find(thread, selector)[0] ?? this.find(this.page, selector).find(isVisible);
    return named?.getAttribute(attribute) || null;
  }

  private messageElements(thread: HTMLElement): HTMLElement[] {
    const { message, skip } = this.site;
    const found = this.find(thread, message);
    return skip ? found.filter((element) => !has(element, skip, this.site.shadow)) : found;
  }

  private readMessage(element: HTMLElement): SeenMessage {
    const { text, omit } = this.site;
    const parts = text ? this.find(element, text) : [element];
    const outermost = parts.filter((part) => !parts.some((other) => other !== part && other.contains(part)));
    return {
      id: this.messageId(element),
      speaker: this.isCustomer(element, this.site.role) ? "customer" : "representative",
      text: outermost.map((part) => textOf(part, omit)).filter(Boolean).join("\n"),
    };
  }

  private messageId(element: HTMLElement): string {
    if (!this.site.messageId) return "";
    const [attribute, selector] = this.site.messageId.split("@").reverse() as [string, string?];
    const named = selector ? this.find(element, selector)[0] : element;
    return named?.getAttribute(attribute) ?? "";
  }

  private isCustomer(element: HTMLElement, role: Role): boolean {
    if ("customer" in role) return has(element, role.customer, this.site.shadow);
    if ("representative" in role) return !has(element, role.representative, this.site.shadow);
    const sender = this.find(element, role.sender)[0]?.getAttribute(role.attribute)?.toLowerCase();
    const own = new RegExp(role.own).exec(this.page.title)?.[1]?.toLowerCase();
    return sender !== own;
  }

  private find(root: Document | Element, selector: string): HTMLElement[] {
    return findAll(root, selector, this.site.shadow);
  }
}

export function isField(element: Element): element is HTMLTextAreaElement | HTMLInputElement {
  return element instanceof HTMLTextAreaElement || element instanceof HTMLInputElement;
}

/** Ids that pages give twice, such as a time of day, get a number. */
function numberTwins(messages: readonly SeenMessage[]): SeenMessage[] {
  const counts = new Map<string, number>();
  return messages.map((message) => {
    if (!message.id) return message;
    const count = (counts.get(message.id) ?? 0) + 1;
    counts.set(message.id, count);
    return count > 1 ? { ...message, id: `${message.id}#${count}` } : message;
  });
}
