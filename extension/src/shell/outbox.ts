import { ApiError, randomKey } from "../api/client.js";
import type { FeedbackVerdict, Speaker } from "../api/model.js";
import { ENDED } from "./company/person.js";
import type { Exclusive, Store } from "./store.js";

export interface Feedback {
  readonly verdict: FeedbackVerdict;
  readonly final_text?: string;
  readonly reason?: string;
}

export type Letter =
  | { readonly kind: "turn"; readonly lane: string; readonly speaker: Speaker; readonly text: string }
  | { readonly kind: "feedback"; readonly lane: string; readonly suggestionId: string; readonly feedback: Feedback };

/** `key` is made before the first try and kept, so that a lost answer never doubles anything. */
export type Posted = Letter & { readonly key: string };

/** Sending is in order within a lane. Throws ApiError, or `Undeliverable`. */
export type Send = (item: Posted) => Promise<void>;

export interface OutboxState {
  readonly waiting: number;
  /** Why things wait, fit to show; null while all is well. */
  readonly problem: string | null;
}

export interface OutboxTiming {
  readonly backoff: (attempt: number) => number;
  readonly slowMs: number;
}

const TIMING: OutboxTiming = {
  backoff: (attempt) => Math.min(15_000, 500 * 2 ** (attempt - 1)) * (0.75 + Math.random() / 2),
  slowMs: 4000,
};
const QUEUE = "outbox";
const SLOW = "The server is slow to answer. Still trying.";
export const WRONG_SERVER = "This address answers, but not like a copilot server of this version.";

/** Keeps what is to be sent until it was: over reloads of the panel, lost connections and servers that are down. */
export class Outbox {
  private attempt = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private stopped = false;
  private running: Promise<void> | null = null;
  private again = false;

  constructor(
    private readonly send: Send,
    private readonly store: Store,
    private readonly exclusive: Exclusive,
    private readonly onState: (state: OutboxState) => void,
    private readonly timing: OutboxTiming = TIMING,
  ) {}

  /** Adds letters; `alongside` is written with them, all or nothing. Call within the lock `store`. */
  async put(letters: readonly Letter[], alongside: Readonly<Record<string, unknown>> = {}): Promise<void> {
    const queue = await this.queue();
    const added = letters.map((letter) => ({ ...letter, key: randomKey() }));
    await this.store.set({ ...alongside, [QUEUE]: [...queue, ...added] });
  }

  /** Sends what waits, in order; resolves when all was sent or the server refused. */
  flush(): Promise<void> {
    if (this.running) {
      this.again = true;
      return this.running;
    }
    this.running = this.drainWhileAsked();
    return this.running;
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  private async drainWhileAsked(): Promise<void> {
    try {
      do {
        this.again = false;
        clearTimeout(this.timer);
        await this.exclusive("send", () => this.drain());
      } while (this.again && !this.stopped); // Nothing may come between this look and the next line.
    } finally {
      this.running = null;
    }
  }

  private async drain(): Promise<void> {
    for (let next = (await this.queue())[0]; next && !this.stopped; next = (await this.queue())[0]) {
      if (!(await this.tryOne(next))) return;
    }
    if (!this.stopped) await this.report(null);
  }

  /** False when nothing more should be tried now. */
  private async tryOne(item: Posted): Promise<boolean> {
    const slow = setTimeout(() => void this.report(SLOW), this.timing.slowMs);
    try {
      await this.send(item);
      await this.drop(item);
      this.attempt = 0;
      return true;
    } catch (error) {
      if (isFinal(error)) {
        await this.drop(item);
        await this.report(`Not sent: ${(error as Error).message}`);
        return true;
      }
      await this.report(explain(error));
      this.retryLater();
      return false;
    } finally {
      clearTimeout(slow);
    }
  }

  private retryLater(): void {
    if (this.stopped) return;
    this.attempt += 1;
    this.timer = setTimeout(() => void this.flush(), this.timing.backoff(this.attempt));
  }

  private async drop(item: Posted): Promise<void> {
    await this.exclusive("store", async () => {
      const queue = await this.queue();
      await this.store.set({ [QUEUE]: queue.filter((other) => other.key !== item.key) });
    });
  }

  private async report(problem: string | null): Promise<void> {
    const waiting = (await this.queue()).length;
    if (!this.stopped) this.onState({ waiting, problem });
  }

  private async queue(): Promise<readonly Posted[]> {
    return (await this.store.get<readonly Posted[]>(QUEUE)) ?? [];
  }
}

/** The request itself is bad: no later try will be taken. */
function isFinal(error: unknown): boolean {
  return error instanceof ApiError && [400, 404, 409, 410, 413, 422].includes(error.status) && !isBusy(error);
}

/** The first request with the same key still runs. */
function isBusy(error: ApiError): boolean {
  return error.status === 409 && error.problem.code === "conflict";
}

function explain(error: unknown): string {
  if (!(error instanceof ApiError)) return WRONG_SERVER;
  if (error.status === 0) return "The server cannot be reached. What was said is kept, and sent once it is back.";
  if (error.problem.code === ENDED) return error.message;
  if (error.status === 401 || error.status === 403) return `The server does not accept the key or sign-in. ${error.message}`;
  return error.message;
}
