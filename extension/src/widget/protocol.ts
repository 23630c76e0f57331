/**
 * What passes between a CRM's page and the panel's frame, checked field by field: both sides take the other for
 * a stranger. Whoever receives checks the sender's window and origin first; `read` checks the rest.
 */
import type { Theme } from "./copilot.js";

export const PROTOCOL = "copilot-widget";
export const VERSION = 1;

type Envelope<T> = T & { readonly protocol: typeof PROTOCOL; readonly version: number };

/** The page to the frame. */
export type ToFrame =
  | { readonly type: "init"; readonly conversation: string; readonly theme: Theme; readonly locale: string; readonly draft: string }
  | { readonly type: "conversation"; readonly conversation: string }
  | { readonly type: "theme"; readonly theme: Theme }
  | { readonly type: "locale"; readonly locale: string }
  | { readonly type: "draft"; readonly draft: string }
  | { readonly type: "grant"; readonly request: number; readonly token: string; readonly conversation_id: string; readonly expires_at: string }
  | { readonly type: "refused"; readonly request: number; readonly message: string }
  | { readonly type: "turn"; readonly request: number; readonly speaker: "customer" | "representative"; readonly text: string; readonly id: string }
  | { readonly type: "inserted"; readonly request: number; readonly problem: string };

/** The frame to the page. It never carries a token. */
export type ToPage =
  | { readonly type: "ready" }
  | { readonly type: "incompatible"; readonly speaks: number }
  | { readonly type: "token_wanted"; readonly request: number; readonly conversation: string; readonly why: "start" | "expiring" | "expired" }
  | { readonly type: "turn_added"; readonly request: number; readonly turn: string; readonly problem: string }
  | { readonly type: "insert"; readonly request: number; readonly text: string; readonly suggestion: string; readonly draft: string }
  | { readonly type: "event"; readonly name: string; readonly detail: string };

type Check = (value: unknown) => boolean;
type Shape = Readonly<Record<string, Check>>;

const text =
  (most: number): Check =>
  (value) =>
    typeof value === "string" && value.length <= most;
const oneOf =
  (...values: readonly string[]): Check =>
  (value) =>
    typeof value === "string" && values.includes(value);
const whole: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;

const NAME = text(200);
const PROSE = text(20_000);
const MESSAGE = text(2_000);
const DRAFT = text(100_000);
const THEME = oneOf("auto", "light", "dark", "contrast");
const SPEAKER = oneOf("customer", "representative");
const LOCALE: Check = (value) => typeof value === "string" && /^([A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*)?$/.test(value);
export const EVENT_NAMES = ["ready", "turn-selected", "connection", "action-approved", "action-executed", "wrap-up", "error"] as const;

const TO_FRAME: Readonly<Record<ToFrame["type"], Shape>> = {
  init: { conversation: NAME, theme: THEME, locale: LOCALE, draft: DRAFT },
  conversation: { conversation: NAME },
  theme: { theme: THEME },
  locale: { locale: LOCALE },
  draft: { draft: DRAFT },
  grant: { request: whole, token: text(4_000), conversation_id: NAME, expires_at: text(40) },
  refused: { request: whole, message: MESSAGE },
  turn: { request: whole, speaker: SPEAKER, text: PROSE, id: NAME },
  inserted: { request: whole, problem: MESSAGE },
};

const TO_PAGE: Readonly<Record<ToPage["type"], Shape>> = {
  ready: {},
  incompatible: { speaks: whole },
  token_wanted: { request: whole, conversation: NAME, why: oneOf("start", "expiring", "expired") },
  turn_added: { request: whole, turn: NAME, problem: MESSAGE },
  insert: { request: whole, text: PROSE, suggestion: NAME, draft: text(130_000) },
  event: { name: oneOf(...EVENT_NAMES), detail: text(100_000) },
};

export function wrap<T extends ToFrame | ToPage>(message: T): Envelope<T> {
  return { protocol: PROTOCOL, version: VERSION, ...message };
}

export const readFromPage = (data: unknown): ToFrame | null => read<ToFrame>(data, TO_FRAME);
export const readFromFrame = (data: unknown): ToPage | null => read<ToPage>(data, TO_PAGE);

/** The version of a message that is ours in another version; null for all else. */
export function otherVersion(data: unknown): number | null {
  if (!isRecord(data) || data["protocol"] !== PROTOCOL || data["version"] === VERSION) return null;
  return whole(data["version"]) ? (data["version"] as number) : null;
}

/** A new object with the known fields alone; null unless every one is as it must be. */
function read<T extends { readonly type: string }>(data: unknown, shapes: Readonly<Record<string, Shape>>): T | null {
  if (!isRecord(data) || data["protocol"] !== PROTOCOL || data["version"] !== VERSION) return null;
  const { type } = data;
  const shape = typeof type === "string" && Object.hasOwn(shapes, type) ? shapes[type] : undefined;
  if (!shape) return null;
  const message: Record<string, unknown> = { type };
  for (const [name, check] of Object.entries(shape)) {
    if (!check(data[name])) return null;
    message[name] = data[name];
  }
  return message as unknown as T;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
