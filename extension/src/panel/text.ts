import type { Sentence } from "../api/model.js";

/** A text and the sentences it is made of: a suggestion, or what it was reworded to. */
export interface Worded {
  readonly text: string;
  readonly sentences: readonly Sentence[];
}

/** Seconds from `now` until `iso`, rounded down; 0 once it has passed. */
export function secondsLeft(iso: string, now: number): number {
  return Math.max(0, Math.floor((Date.parse(iso) - now) / 1000)) || 0;
}

/** Minutes and seconds, e.g. "4:05". */
export function clock(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** `source` when it is a plain https address, else null: nothing else from outside becomes a link. */
export function safeLink(source: string): string | null {
  try {
    const url = new URL(source);
    return url.protocol === "https:" && !url.username && !url.password ? url.href : null;
  } catch {
    return null;
  }
}

/** "refund_status" or "return requested" → "Refund status", "Return requested". */
export function humanise(name: string): string {
  const words = name.replace(/[_-]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** `text` around the first occurrence of `quote`, runs of white space counted equal; null when absent. */
export function splitAround(text: string, quote: string): readonly [string, string, string] | null {
  const words = quote.trim().split(/\s+/).filter(Boolean);
  if (!words.length) return null;
  const pattern = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("\\s+");
  const match = new RegExp(pattern).exec(text);
  if (!match) return null;
  const end = match.index + match[0].length;
  return [text.slice(0, match.index), match[0], text.slice(end)];
}

export interface Segment {
  readonly text: string;
  /** What the text rests on; null for the white space and the like between sentences. */
  readonly sentence: Sentence | null;
}

/** A draft's text cut at its sentences, so that it reads as it would be sent and each sentence can be marked. */
export function segmentsOf(worded: Worded): Segment[] {
  const segments: Segment[] = [];
  let cursor = 0;
  for (const sentence of worded.sentences) {
    const at = worded.text.indexOf(sentence.text, cursor);
    if (at < 0) return worded.sentences.flatMap((s) => [{ text: s.text, sentence: s }, { text: " ", sentence: null }]);
    if (at > cursor) segments.push({ text: worded.text.slice(cursor, at), sentence: null });
    segments.push({ text: sentence.text, sentence });
    cursor = at + sentence.text.length;
  }
  if (cursor < worded.text.length) segments.push({ text: worded.text.slice(cursor), sentence: null });
  return segments;
}

/** The draft without its unsupported sentences: what may be inserted as it stands. */
export function insertableText(worded: Worded): string {
  return segmentsOf(worded)
    .filter(({ sentence }) => sentence?.support !== "unsupported")
    .map(({ text }) => text)
    .join("")
    .replace(/[ \t]{2,}/g, " ")
    .replace(/[ \t]+\n/g, "\n")
    .replace(/\n{3,}/g, "\n\n")
    .trim();
}

/** White space and case apart, so that what a reply box does to a text does not count as an edit. */
export function sameWords(text: string): string {
  return text.replace(/\s+/g, " ").trim().toLowerCase();
}

/** Unsupported sentences that `text` still holds word for word. */
export function unsupportedIn(text: string, worded: Worded): string[] {
  return worded.sentences
    .filter((sentence) => sentence.support === "unsupported" && splitAround(text, sentence.text))
    .map((sentence) => sentence.text);
}
