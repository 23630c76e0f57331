import type { Money, Sentence, Suggestion } from "../api/model.js";

const LOCALE = "en-US";

export function formatMoney(money: Money): string {
  return new Intl.NumberFormat(LOCALE, { style: "currency", currency: money.currency }).format(money.minor / 100);
}

/** The day of an ISO date or instant, e.g. "Nov 3" within `now`'s year, else "Nov 3, 2025". */
export function formatDay(iso: string, now = new Date()): string {
  const dateOnly = iso.length === 10;
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  return new Intl.DateTimeFormat(LOCALE, {
    month: "short",
    day: "numeric",
    ...(date.getFullYear() === now.getFullYear() ? {} : { year: "numeric" }),
    ...(dateOnly ? { timeZone: "UTC" } : {}),
  }).format(date);
}

export function formatTime(iso: string): string {
  return new Intl.DateTimeFormat(LOCALE, { hour: "numeric", minute: "2-digit" }).format(new Date(iso));
}

/** Minutes and seconds left, e.g. "4:05"; null once `iso` has passed. */
export function timeLeft(iso: string, now: number): string | null {
  const seconds = Math.floor((Date.parse(iso) - now) / 1000);
  if (!(seconds > 0)) return null;
  if (seconds >= 3600) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
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
export function segmentsOf(suggestion: Suggestion): Segment[] {
  const segments: Segment[] = [];
  let cursor = 0;
  for (const sentence of suggestion.sentences) {
    const at = suggestion.text.indexOf(sentence.text, cursor);
    if (at < 0) return suggestion.sentences.flatMap((s) => [{ text: s.text, sentence: s }, { text: " ", sentence: null }]);
    if (at > cursor) segments.push({ text: suggestion.text.slice(cursor, at), sentence: null });
    segments.push({ text: sentence.text, sentence });
    cursor = at + sentence.text.length;
  }
  if (cursor < suggestion.text.length) segments.push({ text: suggestion.text.slice(cursor), sentence: null });
  return segments;
}

/** The draft without its unsupported sentences: what may be inserted as it stands. */
export function insertableText(suggestion: Suggestion): string {
  return segmentsOf(suggestion)
    .filter(({ sentence }) => sentence?.support !== "unsupported")
    .map(({ text }) => text)
    .join("")
    .replace(/[ \t]{2,}/g, " ")
    .replace(/[ \t]+\n/g, "\n")
    .replace(/\n{3,}/g, "\n\n")
    .trim();
}

/** Unsupported sentences that `text` still holds word for word. */
export function unsupportedIn(text: string, suggestion: Suggestion): string[] {
  return suggestion.sentences
    .filter((sentence) => sentence.support === "unsupported" && splitAround(text, sentence.text))
    .map((sentence) => sentence.text);
}
