import { describe, expect, it } from "vitest";
import { argumentsFrom, fieldsOf } from "../src/panel/arguments.js";
import { ENGLISH } from "../src/panel/l10n/index.js";
import { clock, insertableText, safeLink, secondsLeft, segmentsOf, splitAround, unsupportedIn } from "../src/panel/text.js";
import { sentence, suggestion } from "./builders.js";

describe("safeLink", () => {
  it("lets https through", () => expect(safeLink("https://help.example/returns")).toBe("https://help.example/returns"));

  it.each(["javascript:alert(1)", "data:text/html,x", "http://help.example", "//help.example", "https://u:p@evil.example", "returns.md", ""])(
    "refuses %s",
    (source) => expect(safeLink(source)).toBeNull(),
  );
});

describe("splitAround", () => {
  it("finds the quote whatever the white space", () => {
    expect(splitAround("You have\n30 days. More.", "have 30  days.")).toEqual(["You ", "have\n30 days.", " More."]);
  });

  it("takes the quote literally", () => expect(splitAround("aab (x)?", "a+b")).toBeNull());
});

describe("a draft", () => {
  const draft = suggestion("sug_1", 1, [sentence("Good day."), sentence("We refund everything.", "unsupported"), sentence("It shipped.")]);

  it("is cut at its sentences without losing a character", () => {
    expect(segmentsOf(draft).map((segment) => segment.text).join("")).toBe(draft.text);
  });

  it("is inserted without what nothing supports", () => {
    expect(insertableText(draft)).toBe("Good day. It shipped.");
  });

  it("may not be inserted after an edit that left the unsupported sentence alone", () => {
    expect(unsupportedIn("Hi! We refund  everything. Bye", draft)).toEqual(["We refund everything."]);
    expect(unsupportedIn("Hi! We refund some things.", draft)).toEqual([]);
  });
});

describe("money", () => {
  it("is edited in major units and stays an integer", () => {
    const [field] = fieldsOf({ amount: { minor: 5000, currency: "USD" } }, ENGLISH);
    expect(field?.text).toBe("50.00");
    expect(argumentsFrom([field!.with("24.5")])).toEqual({ amount: { minor: 2450, currency: "USD" } });
    expect(argumentsFrom([field!.with("24,50")])).toEqual({ amount: { minor: 2450, currency: "USD" } });
    for (const bad of ["-1", "1.234", "1,000.00", "", "x"]) expect(field!.with(bad).problem).toContain("amount");
  });

  it("without decimals is edited as it is", () => {
    const [field] = fieldsOf({ amount: { minor: 5000, currency: "JPY" } }, ENGLISH);
    expect(field?.text).toBe("5000");
    expect(argumentsFrom([field!.with("4900")])).toEqual({ amount: { minor: 4900, currency: "JPY" } });
  });
});

describe("secondsLeft", () => {
  it("counts down and ends", () => {
    const now = Date.parse("2026-11-23T10:00:00Z");
    expect(clock(secondsLeft("2026-11-23T10:04:05Z", now))).toBe("4:05");
    expect(secondsLeft("2026-11-23T09:59:59Z", now)).toBe(0);
  });
});
