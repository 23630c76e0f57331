/** The API's schemas under short names; their shape is generated from OpenAPI, never written here. */
import type { components } from "./types.js";

type Schemas = components["schemas"];

export type Action = Schemas["Action"];
export type Alert = Schemas["Alert"];
export type Answer = Schemas["Answer"];
export type AskStep = Schemas["AskStep"];
export type AskTicket = Schemas["AskTicket"];
export type Branding = Schemas["Branding"];
export type ActionStatus = Schemas["ActionStatus"];
export type Citation = Schemas["Citation"];
export type CompanySignIn = Schemas["CompanySignIn"];
export type Conversation = Schemas["Conversation"];
export type ConversationSnapshot = Schemas["ConversationSnapshot"];
export type Customer = Schemas["Customer"];
export type Degraded = Schemas["Degraded"];
export type Drafter = Schemas["Drafter"];
export type Entity = Schemas["Entity"];
export type FeedbackVerdict = "used" | "edited" | "ignored" | "rejected";
export type FilledMacro = Schemas["FilledMacro"];
export type FoundKnowledge = Schemas["FoundKnowledge"];
export type FoundMacro = Schemas["FoundMacro"];
export type HandOver = Schemas["HandOver"];
export type KnowledgeCard = Schemas["KnowledgeCard"];
export type KnowledgeCards = Schemas["KnowledgeCards"];
export type Money = Schemas["Money"];
export type NextAction = Schemas["NextAction"];
export type Order = Schemas["Order"];
export type OrderView = Schemas["OrderView"];
export type PartialTurn = Schemas["PartialTurn"];
export type PolicyDecision = Schemas["PolicyDecision"];
export type PolicyFinding = Schemas["PolicyFinding"];
export type Provenance = Schemas["Provenance"];
export type SearchKnowledge = Schemas["SearchKnowledge"];
export type Sentence = Schemas["Sentence"];
export type SignInWays = Schemas["SignInWays"];
export type Speaker = Schemas["Speaker"];
export type Statement = Schemas["Statement"];
export type FollowUp = Schemas["FollowUp"];
export type Suggestion = Schemas["Suggestion"];
export type SuggestionBlocked = Schemas["SuggestionBlocked"];
export type SuggestionSilent = Schemas["SuggestionSilent"];
export type Summary = Schemas["Summary"];
export type Transform = Schemas["Transform"];
export type Transformed = Schemas["Transformed"];
export type TransformText = Schemas["TransformText"];
export type Turn = Schemas["Turn"];
export type Understanding = Schemas["Understanding"];
export type VerifyCustomer = Schemas["VerifyCustomer"];
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
  | Schemas["AlertEvent"]
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
