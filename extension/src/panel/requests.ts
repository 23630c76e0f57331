import { ApiError, type CopilotClient } from "../api/client.js";
import type {
  AskTicket,
  Customer,
  FilledMacro,
  FoundKnowledge,
  FoundMacro,
  HandOver,
  SearchKnowledge,
  Suggestion,
  Transformed,
  TransformText,
  VerifyCustomer,
  WrapUp,
} from "../api/model.js";
import type { WriteBack } from "./events.js";
import type { L10n } from "./l10n/index.js";

/** What a card may ask and wait for: what it sends, and what it gets. */
export interface Requests {
  transform: [TransformText, Transformed];
  restore: [{ readonly suggestionId: string }, Suggestion];
  ask: [{ readonly question: string; readonly hint: string }, AskTicket];
  search: [Partial<SearchKnowledge> & { readonly query: string }, FoundKnowledge];
  macros: [{ readonly query: string }, FoundMacro[]];
  "fill-macro": [{ readonly macroId: string }, FilledMacro];
  verify: [Partial<VerifyCustomer>, Customer];
  unlock: [Record<string, never>, void];
  "hand-over": [{ readonly to: string; readonly reason: string }, HandOver];
  "wrap-up": [Record<string, never>, WrapUp];
  "report-gap": [{ readonly question: string }, void];
  /** The text of the host's reply box; "" when it gives none. */
  "own-text": [Record<string, never>, string];
  "write-back": [WriteBack, void];
}

export type RequestKind = keyof Requests;

export interface RequestDetail<K extends RequestKind = RequestKind> {
  readonly kind: K;
  readonly body: Requests[K][0];
  readonly settle: (answer: Promise<Requests[K][1]>) => void;
}

/** Rejects with an ApiError as the server refuses, or as the host does. */
export function request<K extends RequestKind>(
  from: HTMLElement,
  kind: K,
  body: Requests[K][0],
): Promise<Requests[K][1]> {
  return new Promise((resolve, reject) => {
    const detail: RequestDetail<K> = { kind, body, settle: (answer) => void answer.then(resolve, reject) };
    from.dispatchEvent(new CustomEvent("request", { detail, bubbles: true }));
  });
}

type ServerKind = Exclude<RequestKind, "own-text" | "write-back">;

/** The calls of the API behind the requests; the host answers the others. */
export function serverRequests(
  client: CopilotClient,
  conversationId: string,
): { [K in ServerKind]: (body: Requests[K][0]) => Promise<Requests[K][1]> } {
  return {
    transform: (body) => client.transform(conversationId, body),
    restore: ({ suggestionId }) => client.restore(suggestionId),
    ask: ({ question, hint }) => client.ask(conversationId, question, hint),
    search: (body) => client.searchKnowledge(body),
    macros: ({ query }) => client.findMacros(query),
    "fill-macro": ({ macroId }) => client.fillMacro(conversationId, macroId),
    verify: (proof) => client.verifyCustomer(conversationId, proof),
    unlock: () => client.unlockCustomer(conversationId),
    "hand-over": ({ to, reason }) => client.handOver(conversationId, to, reason),
    "wrap-up": () => client.wrapUp(conversationId),
    "report-gap": ({ question }) => client.reportGap(conversationId, question),
  };
}

/** An error as a representative reads it. */
export function messageOf(error: unknown, l10n: L10n): string {
  if (error instanceof ApiError) return error.status === 0 ? l10n.t.panel.unreachable : error.message;
  return error instanceof Error && error.name === "HostError" ? error.message : l10n.t.panel.wrong;
}

/** What a host said when it could not do as asked; fit to show. */
export class HostError extends Error {
  override readonly name = "HostError";
}
