import type { Action, Conversation, FeedbackVerdict, Problem, Speaker, Turn, WrapUp } from "./model.js";

/** The server refused a request, or could not be reached (`status` 0); `message` is fit to show. */
export class ApiError extends Error {
  constructor(readonly problem: Problem) {
    super([problem.detail || problem.title, problem.hint].filter(Boolean).join(" "));
    this.name = "ApiError";
  }

  get status(): number {
    return this.problem.status;
  }
}

export interface Connection {
  /** Where the API lives, e.g. "https://copilot.example"; "" for the page's own origin. */
  readonly baseUrl: string;
  readonly token: string;
}

type Fetch = (input: string, init?: RequestInit) => Promise<Response>;

const RETRY_DELAYS_MS = [300, 1200];
const REQUEST_TIMEOUT_MS = 15_000;

/** Calls the copilot's HTTP API. Writes carry an idempotency key, so a lost answer is safely asked for again. */
export class CopilotClient {
  constructor(
    private readonly connection: Connection,
    private readonly fetchImpl: Fetch = (input, init) => fetch(input, init),
    private readonly retryDelaysMs: readonly number[] = RETRY_DELAYS_MS,
  ) {}

  createConversation(body: { channel: "chat" | "email" | "phone"; subject?: string }, key?: string): Promise<Conversation> {
    return this.write("/v1/conversations", body, key);
  }

  getConversation(conversationId: string): Promise<Conversation> {
    return this.send("GET", `/v1/conversations/${encodeURIComponent(conversationId)}`);
  }

  listConversations(limit: number): Promise<{ items: Conversation[] }> {
    return this.send("GET", `/v1/conversations?limit=${limit}`);
  }

  /** What somebody has written so far and not sent. Not tried again: the next keystroke says more. */
  async showTyping(conversationId: string, speaker: Speaker, text: string): Promise<void> {
    await this.send("POST", `/v1/conversations/${encodeURIComponent(conversationId)}/typing`, { speaker, text }, randomKey());
  }

  postTurn(conversationId: string, speaker: Speaker, text: string, key?: string): Promise<Turn> {
    return this.write(`/v1/conversations/${encodeURIComponent(conversationId)}/turns`, { speaker, text }, key);
  }

  wrapUp(conversationId: string): Promise<WrapUp> {
    return this.write(`/v1/conversations/${encodeURIComponent(conversationId)}/wrap-up`, {});
  }

  async sendFeedback(
    suggestionId: string,
    feedback: { verdict: FeedbackVerdict; final_text?: string; reason?: string },
    key?: string,
  ): Promise<void> {
    await this.write(`/v1/suggestions/${encodeURIComponent(suggestionId)}/feedback`, feedback, key);
  }

  /** Approves exactly the call whose digest the representative was shown. */
  approve(action: Action): Promise<Action> {
    return this.write(`/v1/actions/${encodeURIComponent(action.id)}/approve`, { digest: action.digest });
  }

  reject(action: Action, reason: string): Promise<Action> {
    return this.write(`/v1/actions/${encodeURIComponent(action.id)}/reject`, { reason });
  }

  editArguments(action: Action, args: Record<string, unknown>): Promise<Action> {
    return this.write(`/v1/actions/${encodeURIComponent(action.id)}/edit`, { arguments: args });
  }

  private async write<T>(path: string, body: unknown, key = randomKey()): Promise<T> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.send<T>("POST", path, body, key);
      } catch (error) {
        const delay = this.retryDelaysMs[attempt];
        if (delay === undefined || !isTransient(error)) throw error;
        await new Promise((resolve) => setTimeout(resolve, delay));
      }
    }
  }

  private async send<T>(method: "GET" | "POST", path: string, body?: unknown, key?: string): Promise<T> {
    const response = await this.fetchImpl(this.connection.baseUrl + path, {
      method,
      headers: {
        Accept: "application/json",
        Authorization: `Bearer ${this.connection.token}`,
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...(key === undefined ? {} : { "Idempotency-Key": key }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      credentials: "omit",
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    }).catch(() => {
      throw new ApiError({ title: "The server cannot be reached.", status: 0 });
    });
    if (!response.ok) throw new ApiError(await readProblem(response));
    return (response.status === 204 ? undefined : await response.json()) as T;
  }
}

/** The problem an error response describes; a plain one when it describes none. */
export async function readProblem(response: Response): Promise<Problem> {
  const fallback = { title: `The server answered ${response.status}.`, status: response.status };
  try {
    const body = (await response.json()) as Partial<Problem>;
    return typeof body.title === "string" ? { ...fallback, ...body, status: response.status } : fallback;
  } catch {
    return fallback;
  }
}

/** 128 random bits; `crypto.randomUUID` is missing on plain-HTTP intranet pages. */
export function randomKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
}

function isTransient(error: unknown): boolean {
  return error instanceof ApiError && [0, 502, 503, 504].includes(error.status);
}
