import { ApiError, randomKey, readProblem } from "../api/client.js";
import type { WidgetTurn } from "./copilot.js";

type Fetch = (input: string, init?: RequestInit) => Promise<Response>;

const TRANSIENT = [0, 401, 429, 502, 503, 504];
const DELAYS_MS = [300, 1_000, 3_000, 10_000];
const TIMEOUT_MS = 15_000;

/** Adds a conversation's messages one after the other, each once, in the order they were given. */
export class TurnQueue {
  private last: Promise<unknown> = Promise.resolve();
  private readonly known = new Map<string, Promise<string>>();

  /** `token` gives the one in force: it may be another at the next try. */
  constructor(
    private readonly server: string,
    private readonly conversationId: string,
    private readonly token: () => string,
    private readonly fetchImpl: Fetch = (input, init) => fetch(input, init),
    private readonly delays: readonly number[] = DELAYS_MS,
  ) {}

  /** Resolves with our id of the turn. */
  add(turn: WidgetTurn): Promise<string> {
    const id = turn.id ?? "";
    const known = id ? this.known.get(id) : undefined;
    if (known) return known;
    const added = this.last.then(() => this.post(turn));
    this.last = added.catch(() => undefined);
    if (id) {
      this.known.set(id, added);
      added.catch(() => this.known.delete(id)); // It may be tried again.
    }
    return added;
  }

  private async post(turn: WidgetTurn): Promise<string> {
    const key = randomKey();
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.send(turn, key);
      } catch (error) {
        const delay = this.delays[attempt];
        if (delay === undefined || !(error instanceof ApiError) || !TRANSIENT.includes(error.status)) throw error;
        await new Promise((resolve) => setTimeout(resolve, delay));
      }
    }
  }

  private async send({ speaker, text, id }: WidgetTurn, key: string): Promise<string> {
    const path = `/v1/conversations/${encodeURIComponent(this.conversationId)}/turns`;
    const response = await this.fetchImpl(this.server + path, {
      method: "POST",
      headers: {
        Accept: "application/json",
        "Content-Type": "application/json",
        Authorization: `Bearer ${this.token()}`,
        "Idempotency-Key": key,
      },
      body: JSON.stringify(id ? { speaker, text, utterance_id: id } : { speaker, text }),
      credentials: "omit",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).catch(() => {
      throw new ApiError({ title: "The server cannot be reached.", status: 0 });
    });
    if (!response.ok) throw new ApiError(await readProblem(response));
    return ((await response.json()) as { id: string }).id;
  }
}
