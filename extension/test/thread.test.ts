import { describe, expect, it } from "vitest";
import type { SeenMessage } from "../src/shell/sites/adapter.js";
import { FIRST_MESSAGES, type KnownMessage, merge } from "../src/shell/sites/thread.js";

/** "c:Hi#7" is the customer's "Hi" under the page's id 7. */
function said(...lines: string[]): SeenMessage[] {
  return lines.map((line) => {
    const [, who, text, id] = /^(.):([^#]*)(?:#(.*))?$/.exec(line)!;
    return { id: id ?? "", speaker: who === "c" ? "customer" : "representative", text: text! };
  });
}

/** Feeds readings one after another; returns what was taken for new at each. */
function follow(...readings: string[][]): string[][] {
  let known: readonly KnownMessage[] = [];
  return readings.map((reading) => {
    const merged = merge(known, said(...reading));
    known = merged.known;
    return merged.fresh.map((message) => message.text);
  });
}

describe("merge", () => {
  it("takes each message once", () => {
    expect(follow(["c:A", "r:B"], ["c:A", "r:B"], ["c:A", "r:B", "c:C"])).toEqual([["A", "B"], [], ["C"]]);
  });

  it("takes the same words twice when they were said twice", () => {
    expect(follow(["c:Hello?"], ["c:Hello?", "c:Hello?"], ["c:Hello?", "c:Hello?", "c:Hello?"])).toEqual([["Hello?"], ["Hello?"], ["Hello?"]]);
  });

  it("does not take history that is loaded later for new", () => {
    expect(follow(["c:C", "r:D"], ["c:A", "r:B", "c:C", "r:D"], ["c:A", "r:B", "c:C", "r:D", "c:E"])).toEqual([["C", "D"], [], ["E"]]);
  });

  it("takes history and a new message apart when both come at once", () => {
    expect(follow(["c:C#3"], ["c:A#1", "c:B#2", "c:C#3", "c:D#4"])).toEqual([["C"], ["D"]]);
  });

  it("follows a list that shows only a window", () => {
    expect(
      follow(["c:A", "r:B", "c:C"], ["r:B", "c:C", "r:D"], ["c:A", "r:B"], ["c:A", "r:B", "c:C", "r:D"], ["c:C", "r:D", "c:E"]),
    ).toEqual([["A", "B", "C"], ["D"], [], [], ["E"]]);
  });

  it("learns nothing from a window without anything it knows", () => {
    expect(follow(["c:X", "r:Y"], ["c:A", "r:B"], ["c:X", "r:Y", "c:Z"])).toEqual([["X", "Y"], [], ["Z"]]);
  });

  it("knows an edited message again", () => {
    expect(follow(["c:My order is LF-1004820", "r:Hi"], ["c:My order is LF-1004821", "r:Hi"])).toEqual([["My order is LF-1004820", "Hi"], []]);
    expect(follow(["c:A#1", "c:Tent#2"], ["c:A#1", "c:Lantern, not tent#2"])).toEqual([["A", "Tent"], []]);
    expect(follow(["c:A", "c:Where is my"], ["c:A", "c:Where is my order?"])).toEqual([["A", "Where is my"], []]);
  });

  it("knows a message again whose passing id was replaced", () => {
    expect(follow(["c:A#1", "r:ok#temp-1"], ["c:A#1", "r:ok#2"], ["c:A#1", "r:ok#2", "r:ok#3"])).toEqual([["A", "ok"], [], ["ok"]]);
  });

  it("takes what arrives late in the middle", () => {
    expect(follow(["c:A#1", "r:C#3"], ["c:A#1", "c:B#2", "r:C#3"])).toEqual([["A", "C"], ["B"]]);
  });

  it("leaves collapsed mail when it is opened, and takes the last one when its text arrives", () => {
    expect(follow(["c:#1", "c:B#2"], ["c:A#1", "c:B#2"], ["c:A#1", "c:B#2", "c:#3"], ["c:A#1", "c:B#2", "c:C#3"])).toEqual([["B"], [], [], ["C"]]);
  });

  it("begins with the last part of a long conversation, and stays quick", () => {
    const all = Array.from({ length: 3000 }, (_, i) => `c:message ${i}`);
    const [first, second] = follow(all, ["c:older", ...all, "c:new"]);
    expect(first).toHaveLength(FIRST_MESSAGES);
    expect(first!.at(-1)).toBe("message 2999");
    expect(second).toEqual(["new"]);
  });
});
