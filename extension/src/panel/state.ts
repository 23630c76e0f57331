import type {
  Action,
  Alert,
  Answer,
  AskStep,
  AssistEvent,
  Conversation,
  ConversationSnapshot,
  Degraded,
  KnowledgeCards,
  NextAction,
  OrderView,
  PartialTurn,
  Summary,
  Turn,
  Understanding,
  WrapUp,
} from "../api/model.js";
import { type Drafts, NO_DRAFTS, withBlocked, withCompleted, withDelta, withSilence } from "./drafts.js";

/** A value and the conversation revision it was worked out for. */
export interface Versioned<T> {
  readonly revision: number;
  readonly value: T;
}

/** The representative's last question: what was done for it so far, and its answer. */
export interface Asked {
  readonly id: string;
  readonly steps: readonly AskStep[];
  readonly answer: Answer | null;
}

/** Everything the panel shows. Frozen: `applyEvent` makes a new one. */
export interface PanelState {
  readonly lastEventId: number;
  readonly revision: number;
  /** True when nothing more will come for `revision`. */
  readonly settled: boolean;
  readonly conversation: Omit<Conversation, "turns"> | null;
  readonly turns: readonly Turn[];
  /** Utterances that go on, as far as they were heard; one for each, replaced in place. */
  readonly partials: readonly PartialTurn[];
  readonly understanding: Versioned<Understanding> | null;
  /** Scores of the customer's last turns, oldest first. */
  readonly moods: readonly number[];
  readonly alerts: readonly Alert[];
  readonly knowledge: Versioned<KnowledgeCards> | null;
  readonly nextActions: Versioned<readonly NextAction[]> | null;
  readonly orderView: OrderView | null;
  /** Every proposal of the conversation, oldest first. */
  readonly actions: readonly Action[];
  readonly drafts: Drafts;
  readonly asked: Asked | null;
  readonly summary: Summary | null;
  readonly wrapUp: WrapUp | null;
  readonly degraded: readonly Degraded[];
}

const MOODS_KEPT = 12;

export const INITIAL_STATE: PanelState = {
  lastEventId: 0,
  revision: 0,
  settled: true,
  conversation: null,
  turns: [],
  partials: [],
  understanding: null,
  moods: [],
  alerts: [],
  knowledge: null,
  nextActions: null,
  orderView: null,
  actions: [],
  drafts: NO_DRAFTS,
  asked: null,
  summary: null,
  wrapUp: null,
  degraded: [],
};

/**
 * The state after `event`. Pure; returns `state` itself when the event changes nothing.
 *
 * Replayed events (an id already seen) and results of an older revision are dropped; the first event of a
 * newer revision empties the drafts, so a suggestion never mixes two revisions. Knowledge and next actions
 * of the revision before stay, marked by their own revision, until newer ones replace them.
 */
export function applyEvent(state: PanelState, event: AssistEvent): PanelState {
  if (event.type === "snapshot") return fromSnapshot(event.data, event.id);
  if (event.id <= state.lastEventId) return state;
  const seen = { ...advance(state, event), lastEventId: event.id };
  return event.revision < state.revision ? applyTimeless(seen, event) : applyCurrent(seen, event);
}

function fromSnapshot(snapshot: ConversationSnapshot, eventId: number): PanelState {
  const { turns, ...conversation } = snapshot.conversation;
  const revision = conversation.revision;
  const { suggestion, understanding, answer } = snapshot;
  return {
    ...INITIAL_STATE,
    lastEventId: eventId,
    revision,
    conversation,
    turns,
    partials: snapshot.partials,
    understanding: understanding && { revision, value: understanding },
    moods: understanding ? [understanding.sentiment.score] : [],
    alerts: snapshot.alerts,
    knowledge: snapshot.knowledge && { revision, value: snapshot.knowledge },
    nextActions: { revision, value: snapshot.next_actions },
    orderView: snapshot.order_view,
    actions: snapshot.actions,
    drafts: {
      ...NO_DRAFTS,
      completed: suggestion?.revision === revision ? suggestion : null,
      streaming: snapshot.drafts.map(({ suggestion_id: id, drafter, text }) => ({ id, drafter, text })),
    },
    asked: answer && { id: answer.ask_id, steps: [], answer },
    summary: snapshot.summary,
    wrapUp: snapshot.wrap_up,
  };
}

function advance(state: PanelState, event: AssistEvent): PanelState {
  if (event.revision <= state.revision) return state;
  return { ...state, revision: event.revision, settled: false, drafts: NO_DRAFTS, degraded: [] };
}

/** What holds whatever the revision: the conversation itself, answers, and the fate of proposals. */
function applyTimeless(state: PanelState, event: AssistEvent): PanelState {
  switch (event.type) {
    case "turn":
      return { ...state, turns: withTurn(state.turns, event.data), partials: withoutPartial(state.partials, event.data.id) };
    case "turn.partial":
      return { ...state, partials: withPartial(state, event.data) };
    case "alert":
      return { ...state, alerts: replacing(state.alerts, event.data) };
    case "ask.step":
      return { ...state, asked: withStep(state.asked, event.data) };
    case "ask.answered":
      return { ...state, asked: withAnswer(state.asked, event.data) };
    case "action.updated":
      return { ...state, actions: replacing(state.actions, event.data) };
    case "wrap_up":
      return {
        ...state,
        wrapUp: event.data,
        summary: event.data.summary,
        conversation: state.conversation && { ...state.conversation, status: "wrapped_up" },
      };
    default:
      return state;
  }
}

function applyCurrent(state: PanelState, event: AssistEvent): PanelState {
  const { revision } = event;
  switch (event.type) {
    case "understanding":
      return {
        ...state,
        understanding: { revision, value: event.data },
        moods: withMood(state, revision, event.data.sentiment.score),
      };
    case "knowledge":
      return { ...state, knowledge: { revision, value: shownCards(state, event.data) } };
    case "next_actions":
      return { ...state, nextActions: { revision, value: event.data.actions } };
    case "tool.result":
      return event.data.order_view ? { ...state, orderView: event.data.order_view } : state;
    case "suggestion.delta":
      return { ...state, drafts: withDelta(state.drafts, event.data) };
    case "suggestion.completed":
      return { ...state, drafts: withCompleted(state.drafts, event.data, state.revision) };
    case "suggestion.blocked":
      return { ...state, drafts: withBlocked(state.drafts, event.data) };
    case "suggestion.silent":
      return { ...state, drafts: withSilence(state.drafts, event.data) };
    case "summary":
      return { ...state, summary: event.data };
    case "degraded":
      return { ...state, degraded: [...state.degraded, event.data] };
    case "revision.done":
      return { ...state, settled: true, drafts: { ...state.drafts, streaming: [] } };
    default:
      return applyTimeless(state, event);
  }
}

/** Cards that stand already are not sent again. */
function shownCards(state: PanelState, found: KnowledgeCards): KnowledgeCards {
  return found.unchanged && state.knowledge ? state.knowledge.value : found;
}

/** A turn understood anew (a model refines it) has one score, the last. */
function withMood(state: PanelState, revision: number, score: number): readonly number[] {
  const before = state.understanding?.revision === revision ? state.moods.slice(0, -1) : state.moods;
  return [...before, score].slice(-MOODS_KEPT);
}

function withTurn(turns: readonly Turn[], turn: Turn): readonly Turn[] {
  const last = turns.at(-1);
  if (!last || last.sequence < turn.sequence) return [...turns, turn];
  if (turns.some((known) => known.id === turn.id)) return turns;
  return [...turns, turn].sort((a, b) => a.sequence - b.sequence);
}

/** In the place of what was heard before; one that has become a turn meanwhile does not come back. */
function withPartial(state: PanelState, partial: PartialTurn): readonly PartialTurn[] {
  const { partials, turns } = state;
  if (turns.some((turn) => turn.id === partial.turn_id)) return partials;
  if (!partial.text.trim()) return withoutPartial(partials, partial.turn_id);
  const known = partials.some((other) => other.turn_id === partial.turn_id);
  return known ? partials.map((other) => (other.turn_id === partial.turn_id ? partial : other)) : [...partials, partial];
}

function withoutPartial(partials: readonly PartialTurn[], turnId: string): readonly PartialTurn[] {
  return partials.some((partial) => partial.turn_id === turnId)
    ? partials.filter((partial) => partial.turn_id !== turnId)
    : partials;
}

function replacing<T extends { readonly id: string }>(items: readonly T[], item: T): readonly T[] {
  const known = items.some((other) => other.id === item.id);
  return known ? items.map((other) => (other.id === item.id ? item : other)) : [...items, item];
}

function withStep(asked: Asked | null, step: AskStep): Asked {
  if (asked?.id !== step.ask_id) return { id: step.ask_id, steps: [step], answer: null };
  return { ...asked, steps: [...asked.steps.filter((known) => known.number !== step.number), step] };
}

function withAnswer(asked: Asked | null, answer: Answer): Asked {
  return { id: answer.ask_id, steps: asked?.id === answer.ask_id ? asked.steps : [], answer };
}

/** When the customer wrote the first of the turns that nobody has answered; null when nobody waits. */
export function waitingSince(turns: readonly Turn[]): string | null {
  const answered = turns.findLastIndex((turn) => turn.speaker === "representative");
  return turns[answered + 1]?.created_at ?? null;
}

/** The number that a passage is cited by: its place among the cards, else after them. */
export function sourceNumber(state: PanelState, passageId: string): number {
  const shown = state.knowledge?.value.cards.map((card) => card.citation.passage_id) ?? [];
  const cited = state.drafts.completed?.sentences.flatMap((sentence) => sentence.citations.map((c) => c.passage_id)) ?? [];
  return [...new Set([...shown, ...cited])].indexOf(passageId) + 1;
}
