import { describe, expect, it } from "vitest";
import { chooseLanguage, ENGLISH, L10n, loadMessages } from "../src/panel/l10n/index.js";
import { en } from "../src/panel/l10n/en.js";

const NOW = new Date("2026-11-23T10:00:00Z");

describe("money", () => {
  it("is shown from minor units, as the representative writes it", async () => {
    const german = new L10n("de-DE", await loadMessages("de"));
    expect(ENGLISH.money({ minor: 123456, currency: "USD" })).toBe("$1,234.56");
    expect(german.money({ minor: 123456, currency: "EUR" }).replace(/\s/g, " ")).toBe("1.234,56 €");
  });

  it("has as many decimals as its currency", () => {
    expect(ENGLISH.money({ minor: 4900, currency: "JPY" })).toBe("¥4,900");
  });
});

describe("times", () => {
  const inTokyo = new L10n("en-US", en, "Asia/Tokyo");

  it("are the representative's zone's", () => {
    expect(inTokyo.time("2026-11-23T09:30:00Z", NOW)).toMatch(/^6:30\sPM$/);
  });

  it("name the day when it is another one there", () => {
    expect(inTokyo.time("2026-11-23T16:00:00Z", NOW)).toMatch(/Nov 24.*1:00/);
  });

  it("leave a day without a time alone", () => expect(inTokyo.day("2026-11-03", NOW)).toBe("Nov 3"));

  it("name the year when it is another one", () => expect(ENGLISH.day("2025-11-03", NOW)).toBe("Nov 3, 2025"));

  it("show what is no date as it is", () => expect(ENGLISH.time("soon")).toBe("soon"));
});

describe("the language", () => {
  it("is the first wanted that there are texts in", () => {
    expect(chooseLanguage(["fr-FR", "es-MX", "de"])).toEqual({ language: "es", tag: "es-MX" });
  });

  it("is English when there is none, or the tag is no tag", () => {
    expect(chooseLanguage(["fr", "de_bogus!"]).language).toBe("en");
  });
});

/** Every text there is, functions called with something to show. */
function texts(value: unknown, path = ""): string[] {
  if (typeof value === "string") return [`${path}=${value}`];
  if (typeof value === "function") return [`${path}=${(value as (...args: unknown[]) => string)(2, 3)}`];
  return Object.entries(value as object).flatMap(([name, inner]) => texts(inner, `${path}.${name}`));
}

describe.each(["de", "es"] as const)("%s", (language) => {
  it("says everything, and says what it counts", async () => {
    const own = texts(await loadMessages(language));
    expect(own.map((line) => line.split("=")[0])).toEqual(texts(en).map((line) => line.split("=")[0]));
    expect(own.filter((line) => /=\s*$|undefined/.test(line))).toEqual([]);
  });
});
