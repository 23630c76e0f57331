import type { Drafter, Suggestion, SuggestionBlocked, SuggestionSilent } from "../api/model.js";

/** A draft whose text is still arriving; never insertable. */
export interface StreamingDraft {
  readonly id: string;
  readonly drafter: Drafter;
  readonly text: string;
}

/** Every draft of the current revision, and of no other. */
export interface Drafts {
  readonly completed: Suggestion | null;
  /** The draft whose place `completed` took; it can be had back. */
  readonly former: Suggestion | null;
  readonly streaming: readonly StreamingDraft[];
  readonly blocked: readonly SuggestionBlocked[];
  /** A draft was kept back, and why. */
  readonly silent: SuggestionSilent | null;
}

export const NO_DRAFTS: Drafts = { completed: null, former: null, streaming: [], blocked: [], silent: null };

export function withDelta(
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

export function withCompleted(drafts: Drafts, suggestion: Suggestion, revision: number): Drafts {
  if (suggestion.revision !== revision) return drafts;
  const before = drafts.completed;
  const former = before && before.id === suggestion.replaces ? before : null;
  return { ...without(drafts, suggestion.id), completed: suggestion, former, silent: null };
}

export function withBlocked(drafts: Drafts, block: SuggestionBlocked): Drafts {
  const rest = without(drafts, block.suggestion_id);
  const completed = drafts.completed?.id === block.suggestion_id ? null : drafts.completed;
  return { ...rest, completed, blocked: [...rest.blocked, block] };
}

/** A draft that was kept back is not shown, streamed or not. */
export function withSilence(drafts: Drafts, silent: SuggestionSilent): Drafts {
  return { ...drafts, streaming: drafts.streaming.filter((draft) => draft.drafter !== silent.drafter), silent };
}

function without(drafts: Drafts, id: string): Drafts {
  return {
    ...drafts,
    streaming: drafts.streaming.filter((draft) => draft.id !== id),
    blocked: drafts.blocked.filter((block) => block.suggestion_id !== id),
  };
}
