import type { Messages } from "./l10n/index.js";

/** What one key does; the numbers 1–9 always insert or do what carries the number. */
export const KEY_COMMANDS = [
  "next",
  "previous",
  "search",
  "ask",
  "macros",
  "edit",
  "append",
  "copy",
  "shorter",
  "friendlier",
  "translate",
  "undo",
  "help",
] as const satisfies readonly (keyof Messages["keys"])[];

export type KeyCommand = (typeof KEY_COMMANDS)[number];
export type Keymap = Readonly<Record<KeyCommand, string>>;

export const DEFAULT_KEYS: Keymap = {
  next: "j",
  previous: "k",
  search: "/",
  ask: "a",
  macros: "m",
  edit: "e",
  append: "+",
  copy: "c",
  shorter: "s",
  friendlier: "f",
  translate: "t",
  undo: "u",
  help: "?",
};

/** What a key press asks of the panel. */
export type Press =
  | { readonly kind: "activate"; readonly number: number }
  | { readonly kind: "close" }
  | { readonly kind: KeyCommand };

/** Null when the press is not the panel's business. */
export function pressOf(event: KeyboardEvent, keymap: Keymap): Press | null {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return null;
  if (isTyping(event)) return null;
  if (/^[1-9]$/.test(event.key)) return { kind: "activate", number: Number(event.key) };
  if (event.key === "Escape") return { kind: "close" };
  const command = KEY_COMMANDS.find((name) => keymap[name] === event.key);
  return command ? { kind: command } : null;
}

/** The keymap with `command` on `key`; null when the key is no single sign, a number, or taken. */
export function rebound(keymap: Keymap, command: KeyCommand, key: string): Keymap | null {
  if ([...key].length !== 1 || /^[1-9\s]$/.test(key)) return null;
  if (KEY_COMMANDS.some((other) => other !== command && keymap[other] === key)) return null;
  return { ...keymap, [command]: key };
}

/** A stored keymap, as far as it still makes sense; what it lacks is as by default. */
export function keymapFrom(stored: unknown): Keymap {
  if (typeof stored !== "object" || stored === null) return DEFAULT_KEYS;
  return KEY_COMMANDS.reduce<Keymap>((keymap, command) => {
    const key = (stored as Record<string, unknown>)[command];
    return (typeof key === "string" && rebound(keymap, command, key)) || keymap;
  }, DEFAULT_KEYS);
}

/** Keys belong to whoever is writing; the path sees through shadow roots. */
function isTyping(event: KeyboardEvent): boolean {
  const target = event.composedPath()[0];
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
}
