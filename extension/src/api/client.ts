import { sendAs, type Bearer } from "./credential.js";
import type {
  Action,
  AskTicket,
  Branding,
  Conversation,
  Customer,
  FeedbackVerdict,
  FilledMacro,
  FoundKnowledge,
  FoundMacro,
  HandOver,
  Problem,
  SearchKnowledge,
  Speaker,
  Suggestion,
  Transformed,
  TransformText,
  Turn,
  VerifyCustomer,
  WrapUp,
} from "./model.js";

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
  readonly token: Bearer;
}

type Fetch = (input: string, init?: RequestInit) => Promise<Response>;

const RETRY_DELAYS_MS = [300, 1200];
const REQUEST_TIMEOUT_MS = 15_000;
/** What a language model may take for its words. */
const MODEL_TIMEOUT_MS = 60_000;

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

  /** Closes an action whose outcome nobody knows, by what a supervisor found out. */
  resolve(action: Action, outcome: "succeeded" | "failed", evidence: string): Promise<Action> {
    return this.write(`/v1/actions/${encodeURIComponent(action.id)}/resolve`, { outcome, evidence });
  }

  transform(conversationId: string, body: TransformText): Promise<Transformed> {
    return this.write(at(conversationId, "transform"), body, undefined, MODEL_TIMEOUT_MS);
  }

  /** Shows the draft again that another one has replaced. */
  restore(suggestionId: string): Promise<Suggestion> {
    return this.write(`/v1/suggestions/${encodeURIComponent(suggestionId)}/restore`, {});
  }

  ask(conversationId: string, question: string, hint: string): Promise<AskTicket> {
    return this.write(at(conversationId, "ask"), { question, hint });
  }

  searchKnowledge(body: Partial<SearchKnowledge> & { query: string }): Promise<FoundKnowledge> {
    return this.write("/v1/knowledge/search", body);
  }

  findMacros(query: string): Promise<FoundMacro[]> {
    return this.send("GET", `/v1/macros?limit=20&q=${encodeURIComponent(query)}`);
  }

  fillMacro(conversationId: string, macroId: string): Promise<FilledMacro> {
    return this.write(at(conversationId, `macros/${encodeURIComponent(macroId)}/fill`), {});
  }

  verifyCustomer(conversationId: string, proof: Partial<VerifyCustomer>): Promise<Customer> {
    return this.write(at(conversationId, "customer"), proof);
  }

  async unlockCustomer(conversationId: string): Promise<void> {
    await this.write(at(conversationId, "customer/unlock"), {});
  }

  handOver(conversationId: string, to: string, reason: string): Promise<HandOver> {
    return this.write(at(conversationId, "hand-over"), { to, reason }, undefined, MODEL_TIMEOUT_MS);
  }

  /** Tells the knowledge managers of a question that nothing answers. */
  async reportGap(conversationId: string, question: string): Promise<void> {
    await this.write(at(conversationId, "gaps"), { question });
  }

  branding(): Promise<Branding> {
    return this.send("GET", "/v1/branding");
  }

  private async write<T>(path: string, body: unknown, key = randomKey(), timeout = REQUEST_TIMEOUT_MS): Promise<T> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.send<T>("POST", path, body, key, timeout);
      } catch (error) {
        const delay = this.retryDelaysMs[attempt];
        if (delay === undefined || !isTransient(error)) throw error;
        await new Promise((resolve) => setTimeout(resolve, delay));
      }
    }
  }

  private async send<T>(
    method: "GET" | "POST",
    path: string,
    body?: unknown,
    key?: string,
    timeout = REQUEST_TIMEOUT_MS,
  ): Promise<T> {
    const send = (authorization: string): Promise<Response> =>
      this.fetchImpl(this.connection.baseUrl + path, {
        method,
        headers: {
          Accept: "application/json",
          Authorization: authorization,
          ...(body === undefined ? {} : { "Content-Type": "application/json" }),
          ...(key === undefined ? {} : { "Idempotency-Key": key }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        credentials: "omit",
        signal: AbortSignal.timeout(timeout),
      }).catch(() => {
        throw new ApiError({ title: "The server cannot be reached.", status: 0 });
      });
    const response = await sendAs(this.connection.token, send);
    if (!response.ok) throw new ApiError(await readProblem(response));
    return (response.status === 204 ? undefined : await response.json()) as T;
  }
}

function at(conversationId: string, rest: string): string {
  return `/v1/conversations/${encodeURIComponent(conversationId)}/${rest}`;
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
