import { describe, expect, it } from "vitest";
import { DEFAULT_KEYS, keymapFrom, pressOf, rebound } from "../src/panel/keyboard.js";
import { preferencesFrom } from "../src/panel/preferences.js";

function press(key: string, options: KeyboardEventInit = {}): KeyboardEvent {
  return new KeyboardEvent("keydown", { key, ...options });
}

describe("a key", () => {
  it("does what the keymap says", () => {
    expect(pressOf(press("/"), DEFAULT_KEYS)).toEqual({ kind: "search" });
    expect(pressOf(press("3"), DEFAULT_KEYS)).toEqual({ kind: "activate", number: 3 });
    expect(pressOf(press("x"), DEFAULT_KEYS)).toBeNull();
  });

  it("with a modifier is the browser's", () => {
    expect(pressOf(press("c", { ctrlKey: true }), DEFAULT_KEYS)).toBeNull();
  });
});

describe("a rebound key", () => {
  it("does it from then on, and the old one does not", () => {
    const keys = rebound(DEFAULT_KEYS, "next", "n")!;
    expect(pressOf(press("n"), keys)).toEqual({ kind: "next" });
    expect(pressOf(press("j"), keys)).toBeNull();
  });

  it.each(["k", "5", " ", "Enter", ""])("cannot be %j", (key) => expect(rebound(DEFAULT_KEYS, "next", key)).toBeNull());
});

describe("what was stored", () => {
  it("is kept as far as it makes sense", () => {
    expect(keymapFrom({ next: "n", previous: 7, search: "1", bogus: "x" })).toEqual({ ...DEFAULT_KEYS, next: "n" });
  });

  it("never breaks the panel", () => {
    const stored = { language: "toString", theme: "pink", timeZone: "Mars/Olympus", keys: [] };
    expect(preferencesFrom(stored)).toEqual({ language: null, theme: null, timeZone: null, keys: DEFAULT_KEYS });
    expect(preferencesFrom("x").keys).toEqual(DEFAULT_KEYS);
  });

  it("is taken when it is a choice", () => {
    const stored = { language: "de", theme: "dark", timeZone: "Europe/Berlin" };
    expect(preferencesFrom(stored)).toMatchObject(stored);
  });
});
