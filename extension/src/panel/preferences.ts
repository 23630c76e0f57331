import { DEFAULT_KEYS, type Keymap, keymapFrom } from "./keyboard.js";
import { isTimeZone, type Language, LANGUAGES } from "./l10n/index.js";

export const THEMES = ["light", "dark", "contrast"] as const;

export type Theme = (typeof THEMES)[number];

/** What a representative has chosen for themselves; null: as the host, else the browser, has it. */
export interface Preferences {
  readonly language: Language | null;
  readonly theme: Theme | null;
  readonly timeZone: string | null;
  readonly keys: Keymap;
}

export const NO_PREFERENCES: Preferences = { language: null, theme: null, timeZone: null, keys: DEFAULT_KEYS };

const STORED_AS = "copilot.preferences";

/** Anything may stand in a page's storage: what is not a choice of ours counts as none. */
export function preferencesFrom(stored: unknown): Preferences {
  if (typeof stored !== "object" || stored === null) return NO_PREFERENCES;
  const { language, theme, timeZone, keys } = stored as Record<string, unknown>;
  return {
    language: typeof language === "string" && Object.hasOwn(LANGUAGES, language) ? (language as Language) : null,
    theme: THEMES.find((known) => known === theme) ?? null,
    timeZone: typeof timeZone === "string" && isTimeZone(timeZone) ? timeZone : null,
    keys: keymapFrom(keys),
  };
}

export function loadPreferences(): Preferences {
  try {
    return preferencesFrom(JSON.parse(localStorage.getItem(STORED_AS) ?? "null"));
  } catch {
    return NO_PREFERENCES; // Storage is off, or holds what is no JSON.
  }
}

export function savePreferences(preferences: Preferences): void {
  try {
    localStorage.setItem(STORED_AS, JSON.stringify(preferences));
  } catch {
    // Storage is off: the choice holds for as long as the page does.
  }
}
