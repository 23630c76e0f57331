import { ApiError, randomKey, type CopilotClient } from "../api/client.js";
import type { Conversation } from "../api/model.js";
import { Outbox, type Feedback, type OutboxState, type OutboxTiming, type Posted } from "./outbox.js";
import type { SeenConversation } from "./sites/adapter.js";
import { merge, type KnownMessage } from "./sites/thread.js";
import type { Exclusive, Store } from "./store.js";

/** What is remembered of one conversation of a page until the browser closes. */
interface Lane {
  readonly conversationId: string | null;
  /** Idempotency-Key of the conversation's making, kept so that a lost answer makes no second one. */
  readonly createKey: string;
  readonly channel: SeenConversation["channel"];
  readonly subject: string;
  readonly known: readonly KnownMessage[];
}

type Client = Pick<CopilotClient, "createConversation" | "getConversation" | "postTurn" | "sendFeedback">;

export interface RelayParts {
  readonly client: Client;
  /** Which server: its conversations are not another's. */
  readonly server: string;
  /** Until the browser closes. */
  readonly session: Store;
  /** Longer: only which conversation of a page is which of the server. */
  readonly disk: Store;
  readonly exclusive: Exclusive;
  readonly onState: (state: OutboxState) => void;
  /** A lane's conversation has become known. */
  readonly onConversation: (page: string, conversationId: string) => void;
  readonly timing?: OutboxTiming;
}

const DIRECTORY = "conversations";
const REMEMBERED = 500;

/** Hands the messages of pages on to the server, each once and in order, and the feedback of the panel. */
export class Relay {
  private readonly outbox: Outbox;

  constructor(private readonly parts: RelayParts) {
    const { session, exclusive, onState, timing } = parts;
    this.outbox = new Outbox((item) => this.send(item), session, exclusive, onState, timing);
  }

  /** Takes note of a reading of the page; what is new in it will be sent. Throws ApiError: note it again later. */
  async follow(page: string, seen: SeenConversation): Promise<void> {
    const name = this.laneName(page, seen.id);
    const lane = await this.parts.exclusive("store", async () => {
      const before = (await this.parts.session.get<Lane>(name)) ?? (await this.recall(name, seen));
      const { known, fresh } = merge(before.known, seen.messages);
      const letters = fresh.map(({ speaker, text }) => ({ kind: "turn", lane: name, speaker, text }) as const);
      const after = { ...before, known };
      await this.outbox.put(letters, { [name]: after });
      return after;
    });
    if (lane.conversationId) this.parts.onConversation(name, lane.conversationId);
    await this.outbox.flush();
    // Another panel, or this one before it looked at the tab anew, may have made it meanwhile.
    const made = (await this.parts.session.get<Lane>(name))?.conversationId;
    if (made && made !== lane.conversationId) this.parts.onConversation(name, made);
  }

  laneName(page: string, conversation: string): string {
    return `lane:${this.parts.server}:${page}#${conversation}`;
  }

  /** The shape of the panel's feedback sink: recorded here and now, sent when the server takes it. */
  async sendFeedback(suggestionId: string, feedback: Feedback): Promise<void> {
    await this.parts.exclusive("store", () =>
      this.outbox.put([{ kind: "feedback", lane: "feedback", suggestionId, feedback }]),
    );
    void this.outbox.flush();
  }

  flush(): Promise<void> {
    return this.outbox.flush();
  }

  stop(): void {
    this.outbox.stop();
  }

  private async send(item: Posted): Promise<void> {
    if (item.kind === "feedback") return this.parts.client.sendFeedback(item.suggestionId, item.feedback, item.key);
    try {
      await this.postTurn(item);
    } catch (error) {
      if (!isOver(error)) throw error;
      // Wrapped up, or the server has forgotten it: what is said now begins another conversation.
      await this.change(item.lane, (lane) => ({ ...lane, conversationId: null, createKey: randomKey() }));
      await this.postTurn(item);
    }
  }

  private async postTurn(item: Extract<Posted, { kind: "turn" }>): Promise<void> {
    const id = await this.conversationOf(item.lane);
    await this.parts.client.postTurn(id, item.speaker, item.text, `${item.key}:${id}`);
  }

  private async conversationOf(name: string): Promise<string> {
    const lane = (await this.parts.session.get<Lane>(name))!;
    if (lane.conversationId) {
      this.parts.onConversation(name, lane.conversationId);
      return lane.conversationId;
    }
    const { channel, subject, createKey } = lane;
    const made = await this.create({ channel, subject }, createKey);
    await this.change(name, (before) => ({ ...before, conversationId: made }));
    await this.enter(name, made);
    this.parts.onConversation(name, made);
    return made;
  }

  private async create(body: { channel: Lane["channel"]; subject: string }, key: string): Promise<string> {
    const made = await this.parts.client.createConversation(body, key).catch((error: unknown) => {
      // No copilot server answers so to this request.
      if (error instanceof ApiError && [404, 405].includes(error.status)) throw new TypeError("no such address");
      throw error;
    });
    if (typeof made?.id !== "string") throw new TypeError("no conversation in the answer");
    return made.id;
  }

  private async change(name: string, by: (lane: Lane) => Lane): Promise<void> {
    await this.parts.exclusive("store", async () => {
      const lane = await this.parts.session.get<Lane>(name);
      if (lane) await this.parts.session.set({ [name]: by(lane) });
    });
  }

  /** A conversation from before the browser was closed goes on: the server says what it has of it. */
  private async recall(name: string, seen: SeenConversation): Promise<Lane> {
    const fresh: Lane = { conversationId: null, createKey: randomKey(), channel: seen.channel, subject: seen.id, known: [] };
    const id = ((await this.parts.disk.get<Record<string, string>>(DIRECTORY)) ?? {})[name];
    const found = id ? await this.parts.client.getConversation(id).catch(nullIfUnknown) : null;
    if (!found) return fresh;
    return { ...fresh, conversationId: found.status === "open" ? found.id : null, known: knownOf(found) };
  }

  private async enter(name: string, conversationId: string): Promise<void> {
    await this.parts.exclusive("store", async () => {
      const { [name]: _old, ...others } = (await this.parts.disk.get<Record<string, string>>(DIRECTORY)) ?? {};
      const kept = Object.entries(others).slice(1 - REMEMBERED);
      await this.parts.disk.set({ [DIRECTORY]: { ...Object.fromEntries(kept), [name]: conversationId } });
    });
  }
}

function knownOf(conversation: Conversation): KnownMessage[] {
  return conversation.turns.map(({ speaker, text }) => ({ id: "", speaker, text: text.trim(), sent: true }));
}

/** Unreachable is not unknown: guessing then would say everything twice. */
function nullIfUnknown(error: unknown): null {
  if (error instanceof ApiError && error.status === 404) return null;
  throw error;
}

function isOver(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  return error.status === 404 || error.problem.code === "conversation_closed";
}
