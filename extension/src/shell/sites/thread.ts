import type { Speaker } from "../../api/model.js";
import type { SeenMessage } from "./adapter.js";

/** A message of the page as it is remembered; `sent` once it was handed on to the server. */
export interface KnownMessage {
  readonly id: string;
  readonly speaker: Speaker;
  /** The first characters; enough to know it again. */
  readonly text: string;
  readonly sent: boolean;
}

export interface Merged {
  /** In the order of the page; what scrolled out of it stays. */
  readonly known: readonly KnownMessage[];
  /** What was written since, in order. */
  readonly fresh: readonly SeenMessage[];
}

const KEPT_CHARACTERS = 400;
// Of a conversation that is opened for the first time, so much is handed on.
export const FIRST_MESSAGES = 50;
// How far from the end a page may give a message another id: it shows what was just sent under a passing one.
const RENAMED_WITHIN = 3;
const MAX_CELLS = 4_000_000;

/**
 * Tells what is new in a reading of the page from what was known: messages after the last known one.
 *
 * What a page loads later above known messages is history; a page that shows only a window of a long
 * conversation loses and doubles nothing; an edited message is the same message. Longest common subsequence
 * over ids, or over speaker and words where the page has no ids.
 */
export function merge(known: readonly KnownMessage[], seen: readonly SeenMessage[]): Merged {
  if (!known.length) return begin(seen);
  const pairs = withEdits(known, seen, align(known, seen));
  if (!pairs.length) return { known, fresh: [] };
  return combine(known, seen, pairs);
}

export function begin(seen: readonly SeenMessage[]): Merged {
  const fresh = seen.filter((message) => message.text).slice(-FIRST_MESSAGES);
  const known = seen.map((message, index) => remember(message, message.text !== "" || index < seen.length - 1));
  return { known, fresh };
}

type Pair = readonly [known: number, seen: number];

function combine(known: readonly KnownMessage[], seen: readonly SeenMessage[], pairs: readonly Pair[]): Merged {
  const result: KnownMessage[] = [];
  const fresh: SeenMessage[] = [];
  const firstSeen = pairs[0]![1];
  let k = 0;
  let s = 0;
  const takeSeen = (until: number): void => {
    for (; s < until; s += 1) {
      const message = seen[s]!;
      const history = s < firstSeen;
      // A message without text at the very end may still be on its way; anywhere else it is collapsed history.
      const isNew = !history && message.text !== "";
      if (isNew) fresh.push(message);
      result.push(remember(message, isNew || history || s < seen.length - 1));
    }
  };
  for (const [pairK, pairS] of [...pairs, [known.length, seen.length] as const]) {
    // What stood in both places without a partner: known first, it was there before.
    for (; k < pairK; k += 1) result.push(known[k]!);
    takeSeen(pairS);
    if (pairK === known.length) break;
    const message = seen[pairS]!;
    const isNew = !known[pairK]!.sent && message.text !== "";
    if (isNew) fresh.push(message);
    const text = message.text || known[pairK]!.text;
    result.push({ ...remember({ ...message, text }, known[pairK]!.sent || isNew) });
    k = pairK + 1;
    s = pairS + 1;
  }
  return { known: result, fresh };
}

function remember(message: SeenMessage, sent: boolean): KnownMessage {
  return { id: message.id, speaker: message.speaker, text: message.text.slice(0, KEPT_CHARACTERS), sent };
}

function align(known: readonly KnownMessage[], seen: readonly SeenMessage[]): Pair[] {
  const same = sameness(known, seen);
  let start = 0;
  while (start < known.length && start < seen.length && same(start, start)) start += 1;
  let end = 0;
  const most = Math.min(known.length, seen.length) - start;
  while (end < most && same(known.length - 1 - end, seen.length - 1 - end)) end += 1;
  const head = Array.from({ length: start }, (_, i): Pair => [i, i]);
  const middle = longestCommon(known.length - end, seen.length - end, start, same);
  const tail = Array.from({ length: end }, (_, i): Pair => [known.length - end + i, seen.length - end + i]);
  return [...head, ...middle, ...tail];
}

function sameness(known: readonly KnownMessage[], seen: readonly SeenMessage[]): (k: number, s: number) => boolean {
  const knownIds = new Set(known.map((message) => message.id));
  const seenIds = new Set(seen.map((message) => message.id));
  return (k, s) => {
    const [before, now] = [known[k]!, seen[s]!];
    if (before.id && before.id === now.id) return true;
    if (before.speaker !== now.speaker || !before.text || before.text !== now.text.slice(0, KEPT_CHARACTERS)) return false;
    if (!before.id || !now.id) return true;
    return k >= known.length - RENAMED_WITHIN && !seenIds.has(before.id) && !knownIds.has(now.id);
  };
}

function longestCommon(kEnd: number, sEnd: number, start: number, same: (k: number, s: number) => boolean): Pair[] {
  const rows = kEnd - start;
  const columns = sEnd - start;
  if (rows <= 0 || columns <= 0) return [];
  // Far beyond what a page holds at once; then only the later part is compared.
  if (rows * columns > MAX_CELLS) return longestCommon(kEnd, sEnd, start + Math.ceil(Math.min(rows, columns) / 2), same);
  const width = columns + 1;
  const lengths = new Uint32Array((rows + 1) * width);
  for (let k = rows - 1; k >= 0; k -= 1) {
    for (let s = columns - 1; s >= 0; s -= 1) {
      lengths[k * width + s] = same(start + k, start + s)
        ? lengths[(k + 1) * width + s + 1]! + 1
        : Math.max(lengths[(k + 1) * width + s]!, lengths[k * width + s + 1]!);
    }
  }
  const pairs: Pair[] = [];
  for (let k = 0, s = 0; k < rows && s < columns; ) {
    if (same(start + k, start + s)) pairs.push([start + k++, start + s++]);
    else if (lengths[(k + 1) * width + s]! >= lengths[k * width + s + 1]!) k += 1;
    else s += 1;
  }
  return pairs;
}

/** Adds the messages without ids that were changed in place: alone between, or just after, ones that match. */
function withEdits(known: readonly KnownMessage[], seen: readonly SeenMessage[], pairs: readonly Pair[]): Pair[] {
  const result: Pair[] = [];
  let [k, s] = pairs.length ? [pairs[0]![0], pairs[0]![1]] : [0, 0];
  for (const [pairK, pairS] of [...pairs, [known.length, seen.length] as const]) {
    const between = pairK < known.length || pairS < seen.length;
    const alone = between ? pairK - k === 1 && pairS - s === 1 : pairK - k === 1 && pairS - s >= 1;
    if (alone && isEdit(known[k]!, seen[s]!)) result.push([k, s]);
    if (pairK < known.length) result.push([pairK, pairS]);
    k = pairK + 1;
    s = pairS + 1;
  }
  return result;
}

function isEdit(before: KnownMessage, now: SeenMessage): boolean {
  if ((before.id && now.id) || before.speaker !== now.speaker || !before.text) return false;
  const text = now.text.slice(0, KEPT_CHARACTERS);
  const shorter = Math.min(before.text.length, text.length);
  let shared = 0;
  while (shared < shorter && before.text[shared] === text[shared]) shared += 1;
  let behind = 0;
  while (behind < shorter - shared && before.text.at(-1 - behind) === text.at(-1 - behind)) behind += 1;
  return shared + behind >= 0.6 * Math.max(before.text.length, text.length) || (shared === before.text.length && shared > 3);
}
