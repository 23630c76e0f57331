import type { CopilotClient } from "../api/client.js";
import type { SeenConversation } from "./sites/adapter.js";

/** Remembers which server conversation stands for which one of the page, and how far it was posted. */
export interface RelayMemory {
  get(id: string): Promise<RelayEntry | null>;
  set(id: string, entry: RelayEntry): Promise<void>;
}

export interface RelayEntry {
  readonly conversationId: string;
  readonly posted: number;
}

/** Posts the messages of the page to the server, each once and in order. */
export class Relay {
  private queue: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly client: CopilotClient,
    private readonly memory: RelayMemory,
    private readonly page: string,
  ) {}

  /** Resolves with the server's conversation id once every message seen so far is there. */
  follow(seen: SeenConversation): Promise<string> {
    const result = this.queue.then(() => this.post(seen));
    this.queue = result.catch(() => undefined);
    return result;
  }

  private async post(seen: SeenConversation): Promise<string> {
    const key = `${this.page}#${seen.id}`;
    let entry = await this.memory.get(key);
    if (!entry) {
      const { id } = await this.client.createConversation({ channel: "chat", subject: seen.id });
      entry = { conversationId: id, posted: 0 };
      await this.memory.set(key, entry);
    }
    for (const [index, message] of seen.messages.entries()) {
      if (index < entry.posted) continue;
      // The key is the place in the conversation, so a lost answer never doubles a message.
      await this.client.postTurn(entry.conversationId, message.speaker, message.text, `${entry.conversationId}:${index}`);
      entry = { ...entry, posted: index + 1 };
      await this.memory.set(key, entry);
    }
    return entry.conversationId;
  }
}
