import type {
  Action,
  AssistEvent,
  Conversation,
  ConversationSnapshot,
  Degraded,
  Drafter,
  KnowledgeCards,
  NextAction,
  OrderView,
  Suggestion,
  SuggestionBlocked,
  Summary,
  Turn,
  Understanding,
  WrapUp,
} from "../api/model.js";

/** A value and the conversation revision it was worked out for. */
export interface Versioned<T> {
  readonly revision: number;
  readonly value: T;
}

/** A draft whose text is still arriving; never insertable. */
export interface StreamingDraft {
  readonly id: string;
  readonly drafter: Drafter;
  readonly text: string;
}

/** Every draft of the current revision, and of no other. */
export interface Drafts {
  readonly completed: Suggestion | null;
  readonly streaming: readonly StreamingDraft[];
  readonly blocked: readonly SuggestionBlocked[];
}

/** Everything the panel shows. Frozen: `applyEvent` makes a new one. */
export interface PanelState {
  readonly lastEventId: number;
  readonly revision: number;
  /** True when nothing more will come for `revision`. */
  readonly settled: boolean;
  readonly conversation: Omit<Conversation, "turns"> | null;
  readonly turns: readonly Turn[];
  readonly understanding: Versioned<Understanding> | null;
  readonly knowledge: Versioned<KnowledgeCards> | null;
  readonly nextActions: Versioned<readonly NextAction[]> | null;
  readonly orderView: OrderView | null;
  /** Every proposal of the conversation, oldest first. */
  readonly actions: readonly Action[];
  readonly drafts: Drafts;
  readonly summary: Summary | null;
  readonly wrapUp: WrapUp | null;
  readonly degraded: readonly Degraded[];
}

const NO_DRAFTS: Drafts = { completed: null, streaming: [], blocked: [] };

export const INITIAL_STATE: PanelState = {
  lastEventId: 0,
  revision: 0,
  settled: true,
  conversation: null,
  turns: [],
  understanding: null,
  knowledge: null,
  nextActions: null,
  orderView: null,
  actions: [],
  drafts: NO_DRAFTS,
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
  const { suggestion } = snapshot;
  return {
    ...INITIAL_STATE,
    lastEventId: eventId,
    revision,
    conversation,
    turns,
    understanding: snapshot.understanding && { revision, value: snapshot.understanding },
    knowledge: snapshot.knowledge && { revision, value: snapshot.knowledge },
    nextActions: { revision, value: snapshot.next_actions },
    orderView: snapshot.order_view,
    actions: snapshot.actions,
    drafts: {
      completed: suggestion?.revision === revision ? suggestion : null,
      streaming: snapshot.drafts.map(({ suggestion_id: id, drafter, text }) => ({ id, drafter, text })),
      blocked: [],
    },
    summary: snapshot.summary,
    wrapUp: snapshot.wrap_up,
  };
}

function advance(state: PanelState, event: AssistEvent): PanelState {
  if (event.revision <= state.revision) return state;
  return { ...state, revision: event.revision, settled: false, drafts: NO_DRAFTS, degraded: [] };
}

/** What holds whatever the revision: the conversation itself and the fate of proposals. */
function applyTimeless(state: PanelState, event: AssistEvent): PanelState {
  switch (event.type) {
    case "turn":
      return { ...state, turns: withTurn(state.turns, event.data) };
    case "action.updated":
      return { ...state, actions: withAction(state.actions, event.data) };
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
      return { ...state, understanding: { revision, value: event.data } };
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

function withTurn(turns: readonly Turn[], turn: Turn): readonly Turn[] {
  if (turns.some((known) => known.id === turn.id)) return turns;
  return [...turns, turn].sort((a, b) => a.sequence - b.sequence);
}

function withAction(actions: readonly Action[], action: Action): readonly Action[] {
  const known = actions.some((other) => other.id === action.id);
  return known ? actions.map((other) => (other.id === action.id ? action : other)) : [...actions, action];
}

function withDelta(
  drafts: Drafts,
  delta: { suggestion_id: string; drafter: Drafter; text: string },
): Drafts {
  const { suggestion_id: id, drafter, text } = delta;
  if (drafts.completed?.id === id || drafts.blocked.some((block) => block.suggestion_id === id)) return drafts;
  const known = drafts.streaming.some((draft) => draft.id === id);
  const streaming = known
    ? drafts.streaming.map((draft) => (draft.id === id ? { ...draft, text: draft.text + text } : draft))
    : [...drafts.streaming, { id, drafter, text }];
  return { ...drafts, streaming };
}

function withCompleted(drafts: Drafts, suggestion: Suggestion, revision: number): Drafts {
  if (suggestion.revision !== revision) return drafts;
  const { streaming, blocked } = without(drafts, suggestion.id);
  return { completed: suggestion, streaming, blocked };
}

function withBlocked(drafts: Drafts, block: SuggestionBlocked): Drafts {
  const rest = without(drafts, block.suggestion_id);
  const completed = drafts.completed?.id === block.suggestion_id ? null : drafts.completed;
  return { completed, streaming: rest.streaming, blocked: [...rest.blocked, block] };
}

function without(drafts: Drafts, id: string): Pick<Drafts, "streaming" | "blocked"> {
  return {
    streaming: drafts.streaming.filter((draft) => draft.id !== id),
    blocked: drafts.blocked.filter((block) => block.suggestion_id !== id),
  };
}
