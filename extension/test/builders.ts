import type { AssistEvent, Conversation, Sentence, Suggestion, Turn } from "../src/api/model.js";

const AT = "2026-11-23T10:00:00Z";

export function conversation(revision: number): Conversation {
  return {
    id: "conv_1",
    tenant_id: "larkfield",
    channel: "chat",
    status: "open",
    revision,
    subject: "",
    customer_id: null,
    representative_id: null,
    created_at: AT,
    updated_at: AT,
    turns: [],
  };
}

export function turn(sequence: number, text = "Where is my tent?"): Turn {
  return { id: `turn_${sequence}`, conversation_id: "conv_1", sequence, speaker: "customer", text, created_at: AT };
}

export function sentence(text: string, support: Sentence["support"] = "supported"): Sentence {
  return { text, support, citations: [], sources: [] };
}

export function suggestion(id: string, revision: number, sentences: Sentence[] = [sentence("Hello.")]): Suggestion {
  return {
    id,
    conversation_id: "conv_1",
    revision,
    drafter: "composer",
    text: sentences.map((s) => s.text).join(" "),
    sentences,
    confidence: 0.9,
    replaces: null,
    intent: null,
    why: "",
    created_at: AT,
  };
}

type Body = { [T in AssistEvent["type"]]: Pick<Extract<AssistEvent, { type: T }>, "type" | "data"> }[AssistEvent["type"]];

export function event(id: number, revision: number, body: Body): AssistEvent {
  return { id, conversation_id: "conv_1", revision, created_at: AT, ...body } as AssistEvent;
}

export function delta(id: number, revision: number, suggestionId: string, text: string): AssistEvent {
  return event(id, revision, {
    type: "suggestion.delta",
    data: { suggestion_id: suggestionId, drafter: "composer", text },
  });
}

export function completed(id: number, revision: number, draft: Suggestion): AssistEvent {
  return event(id, revision, { type: "suggestion.completed", data: draft });
}
