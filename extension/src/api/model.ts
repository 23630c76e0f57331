/** The API's schemas under short names; their shape is generated from OpenAPI, never written here. */
import type { components } from "./types.js";

type Schemas = components["schemas"];

export type Action = Schemas["Action"];
export type ActionStatus = Schemas["ActionStatus"];
export type Citation = Schemas["Citation"];
export type Conversation = Schemas["Conversation"];
export type ConversationSnapshot = Schemas["ConversationSnapshot"];
export type Customer = Schemas["Customer"];
export type Degraded = Schemas["Degraded"];
export type Drafter = Schemas["Drafter"];
export type FeedbackVerdict = "used" | "edited" | "ignored" | "rejected";
export type KnowledgeCard = Schemas["KnowledgeCard"];
export type KnowledgeCards = Schemas["KnowledgeCards"];
export type Money = Schemas["Money"];
export type NextAction = Schemas["NextAction"];
export type Order = Schemas["Order"];
export type OrderView = Schemas["OrderView"];
export type PolicyDecision = Schemas["PolicyDecision"];
export type PolicyFinding = Schemas["PolicyFinding"];
export type Provenance = Schemas["Provenance"];
export type Sentence = Schemas["Sentence"];
export type Speaker = Schemas["Speaker"];
export type Statement = Schemas["Statement"];
export type FollowUp = Schemas["FollowUp"];
export type Suggestion = Schemas["Suggestion"];
export type SuggestionBlocked = Schemas["SuggestionBlocked"];
export type Summary = Schemas["Summary"];
export type Turn = Schemas["Turn"];
export type Understanding = Schemas["Understanding"];
export type WrapUp = Schemas["WrapUp"];

/** One event of a conversation, told apart by `type`. */
export type AssistEvent =
  | Schemas["SnapshotEvent"]
  | Schemas["TurnEvent"]
  | Schemas["PartialTurnEvent"]
  | Schemas["UnderstandingEvent"]
  | Schemas["KnowledgeEvent"]
  | Schemas["ToolResultEvent"]
  | Schemas["NextActionsEvent"]
  | Schemas["ActionUpdatedEvent"]
  | Schemas["SuggestionDeltaEvent"]
  | Schemas["SuggestionCompletedEvent"]
  | Schemas["SuggestionBlockedEvent"]
  | Schemas["SuggestionSilentEvent"]
  | Schemas["SummaryEvent"]
  | Schemas["WrapUpEvent"]
  | Schemas["DegradedEvent"]
  | Schemas["AskStepEvent"]
  | Schemas["AskAnsweredEvent"]
  | Schemas["RevisionDoneEvent"];

/** RFC 9457 problem details. */
export interface Problem {
  type?: string;
  title: string;
  status: number;
  detail?: string;
  code?: string;
  /** What to do about it. */
  hint?: string;
}
