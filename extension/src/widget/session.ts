import type { Grant } from "./copilot.js";

export type Why = "start" | "expiring" | "expired";

export interface SessionHandlers {
  /** Asks the CRM's server; rejects when there is no token to be had. */
  readonly ask: (conversation: string, why: Why) => Promise<Grant>;
  readonly onGrant: (grant: Grant) => void;
  /** Nothing may be shown any longer. */
  readonly onLost: (message: string) => void;
}

export interface SessionTiming {
  /** How long before its end a token is replaced, at most half of its life. */
  readonly aheadMs: number;
  /** Between two tries while the old token still holds. */
  readonly retryMs: number;
  /** A token refused sooner than this after it came is no use asking for again. */
  readonly tooSoonMs: number;
}

const TIMING: SessionTiming = { aheadMs: 30_000, retryMs: 5_000, tooSoonMs: 3_000 };

/** Keeps a token for one conversation: replaces it before it ends, and says when there is none any more. */
export class Session {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private stopped = false;
  private asking: Promise<void> | null = null;
  private grantedAt = -Infinity;
  private endsAt = Infinity;

  constructor(
    private readonly conversation: string,
    private readonly handlers: SessionHandlers,
    private readonly timing: SessionTiming = TIMING,
    private readonly now: () => number = () => Date.now(),
  ) {}

  start(): Promise<void> {
    return this.renew("start");
  }

  /** The server has refused the token. */
  refused(): Promise<void> {
    if (this.now() - this.grantedAt < this.timing.tooSoonMs) {
      this.lose("The server does not accept the token.");
      return Promise.resolve();
    }
    return this.renew("expired");
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  private renew(why: Why): Promise<void> {
    this.asking ??= this.askOnce(why).finally(() => (this.asking = null));
    return this.asking;
  }

  private async askOnce(why: Why): Promise<void> {
    clearTimeout(this.timer);
    const asked = this.now();
    try {
      const grant = await this.handlers.ask(this.conversation, why);
      if (this.stopped) return;
      this.grantedAt = this.now();
      this.handlers.onGrant(grant);
      this.schedule(grant, asked);
    } catch (error) {
      if (this.stopped) return;
      const left = this.endsAt - this.now();
      if (why === "expiring" && left > 0) this.wait(Math.min(this.timing.retryMs, left), left <= this.timing.retryMs);
      else this.lose(error instanceof Error ? error.message : "There is no token for this conversation.");
    }
  }

  private schedule(grant: Grant, asked: number): void {
    this.endsAt = grant.expires_at ? Date.parse(grant.expires_at) : Infinity;
    if (!Number.isFinite(this.endsAt)) return; // The server will say when it ends.
    const life = this.endsAt - asked;
    this.wait(Math.max(0, life - Math.min(this.timing.aheadMs, life / 2)), false);
  }

  private wait(milliseconds: number, last: boolean): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.renew(last ? "expired" : "expiring"), Math.min(milliseconds, 2 ** 31 - 1));
  }

  private lose(message: string): void {
    this.stop();
    this.handlers.onLost(message);
  }
}
