import { ApiError, type Connection, readProblem } from "./client.js";
import { sendAs } from "./credential.js";
import type { AssistEvent } from "./model.js";
import { SseParser } from "./sse.js";

/** How the panel stands with the server, as the status line shows it. */
export type ConnectionState =
  | { readonly kind: "idle" }
  | { readonly kind: "connecting" }
  | { readonly kind: "live" }
  | { readonly kind: "reconnecting"; readonly attempt: number }
  | { readonly kind: "signed_out"; readonly message: string }
  | { readonly kind: "not_found"; readonly message: string }
  | { readonly kind: "incompatible"; readonly message: string }
  | { readonly kind: "down"; readonly message: string };

export interface StreamHandlers {
  readonly onEvent: (event: AssistEvent) => void;
  readonly onState: (state: ConnectionState) => void;
}

export interface StreamTiming {
  /** Milliseconds before attempt n (from 1) after a failure. */
  readonly backoff: (attempt: number) => number;
  /** Silence, heartbeats included, after which the stream counts as dead. */
  readonly silenceMs: number;
  /** Failures in a row before the server is called down rather than reconnecting. */
  readonly downAfter: number;
}

export const DEFAULT_TIMING: StreamTiming = {
  backoff: (attempt) => Math.min(15_000, 500 * 2 ** (attempt - 1)) * (0.75 + Math.random() / 2),
  silenceMs: 45_000,
  downAfter: 3,
};

/** Ends the stream for good: trying again with the same token and address cannot help. */
class Refused extends Error {
  constructor(readonly state: ConnectionState) {
    super("refused");
  }
}

/**
 * Holds GET /v1/conversations/{id}/events open, from `start` until `stop`.
 *
 * Reconnects with Last-Event-ID and growing waits; stops by itself only when refused (401, 403, 404).
 */
export class EventStream {
  private stopped = new AbortController();
  private lastEventId: string | null = null;
  private wake: (() => void) | null = null;

  constructor(
    private readonly connection: Connection,
    private readonly conversationId: string,
    private readonly handlers: StreamHandlers,
    private readonly timing: StreamTiming = DEFAULT_TIMING,
    private readonly fetchImpl: typeof fetch = (input, init) => fetch(input, init),
  ) {}

  start(): void {
    globalThis.addEventListener?.("online", this.retryNow);
    void this.run();
  }

  stop(): void {
    globalThis.removeEventListener?.("online", this.retryNow);
    this.stopped.abort();
    this.wake?.();
  }

  /** Skips the rest of the current wait. */
  readonly retryNow = (): void => this.wake?.();

  private async run(): Promise<void> {
    this.handlers.onState({ kind: "connecting" });
    let failures = 0;
    const onOpen = (): void => {
      failures = 0;
      this.handlers.onState({ kind: "live" });
    };
    while (!this.stopped.signal.aborted) {
      const refusal = await this.readOnce(onOpen).catch((error: unknown) =>
        error instanceof Refused ? error.state : null,
      );
      if (this.stopped.signal.aborted) return;
      failures += 1;
      this.handlers.onState(refusal ?? this.failureState(failures));
      if (refusal && refusal.kind !== "incompatible") return;
      await this.wait(this.timing.backoff(failures));
    }
  }

  private failureState(failures: number): ConnectionState {
    return failures >= this.timing.downAfter
      ? { kind: "down", message: "The server does not answer. Trying again by itself." }
      : { kind: "reconnecting", attempt: failures };
  }

  /** Reads one response to its end; null when it simply ended. */
  private async readOnce(onOpen: () => void): Promise<null> {
    const attempt = new AbortController();
    const abort = (): void => attempt.abort();
    this.stopped.signal.addEventListener("abort", abort);
    let watchdog = setTimeout(abort, this.timing.silenceMs);
    try {
      const response = await this.open(attempt.signal);
      onOpen();
      const parser = new SseParser();
      const decoder = new TextDecoder();
      const reader = response.body!.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return null;
        clearTimeout(watchdog);
        watchdog = setTimeout(abort, this.timing.silenceMs);
        for (const message of parser.push(decoder.decode(value, { stream: true }))) {
          this.deliver(message.id, message.data);
        }
      }
    } finally {
      clearTimeout(watchdog);
      attempt.abort();
      this.stopped.signal.removeEventListener("abort", abort);
    }
  }

  private async open(signal: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = { Accept: "text/event-stream" };
    if (this.lastEventId !== null) headers["Last-Event-ID"] = this.lastEventId;
    const path = `/v1/conversations/${encodeURIComponent(this.conversationId)}/events`;
    const send = (authorization: string): Promise<Response> =>
      this.fetchImpl(this.connection.baseUrl + path, {
        headers: { ...headers, Authorization: authorization },
        signal,
        cache: "no-store",
        credentials: "omit",
      });
    const response = await sendAs(this.connection.token, send).catch((error: unknown) => {
      if (error instanceof ApiError && error.status === 401) throw new Refused({ kind: "signed_out", message: error.message });
      throw error;
    });
    if (!response.ok) await refuse(response);
    if (!response.headers.get("Content-Type")?.startsWith("text/event-stream") || !response.body) {
      throw new Refused({
        kind: "incompatible",
        message: "This address answers, but not like a copilot server of this version.",
      });
    }
    return response;
  }

  private deliver(id: string | null, data: string): void {
    if (id) this.lastEventId = id;
    let event: AssistEvent;
    try {
      event = JSON.parse(data) as AssistEvent;
    } catch {
      return; // A newer server may send what we cannot read; the next snapshot repairs it.
    }
    this.handlers.onEvent(event);
  }

  private wait(milliseconds: number): Promise<void> {
    if (this.stopped.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

async function refuse(response: Response): Promise<never> {
  const problem = await readProblem(response);
  const message = problem.detail || problem.title;
  if (response.status === 401 || response.status === 403) throw new Refused({ kind: "signed_out", message });
  if (response.status === 404) throw new Refused({ kind: "not_found", message });
  throw new Error(message);
}
