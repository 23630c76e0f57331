import { describe, expect, it } from "vitest";
import type { Action, AssistEvent } from "../src/api/model.js";
import { NO_DRAFTS } from "../src/panel/drafts.js";
import { applyEvent, INITIAL_STATE, type PanelState, sourceNumber, waitingSince } from "../src/panel/state.js";
import { completed, conversation, delta, event, sentence, suggestion, turn } from "./builders.js";

function play(...events: AssistEvent[]): PanelState {
  return events.reduce(applyEvent, INITIAL_STATE);
}

function action(status: Action["status"]): Action {
  return { id: "act_1", status } as Action;
}

describe("drafts", () => {
  it("grow by their deltas", () => {
    const state = play(delta(1, 1, "sug_1", "Your tent "), delta(2, 1, "sug_1", "shipped."));
    expect(state.drafts.streaming.map((draft) => draft.text)).toEqual(["Your tent shipped."]);
  });

  it("never mix two revisions: a newer turn empties them", () => {
    const state = play(delta(1, 1, "sug_1", "Old"), completed(2, 1, suggestion("sug_1", 1)), event(3, 2, { type: "turn", data: turn(2) }));
    expect(state.drafts).toEqual(NO_DRAFTS);
  });

  it("drop whatever an older revision still sends", () => {
    const state = play(
      delta(1, 2, "sug_2", "New"),
      delta(2, 1, "sug_1", "Old"),
      completed(3, 1, suggestion("sug_1", 1)),
    );
    expect(state.drafts.completed).toBeNull();
    expect(state.drafts.streaming.map((draft) => draft.id)).toEqual(["sug_2"]);
  });

  it("drop a suggestion whose own revision is not its event's", () => {
    expect(play(completed(1, 2, suggestion("sug_1", 1))).drafts.completed).toBeNull();
  });

  it("keep the composer's while the language model's streams, then give way to it", () => {
    const composed = play(completed(1, 1, suggestion("sug_1", 1)), delta(2, 1, "sug_2", "Hel"));
    expect(composed.drafts.completed?.id).toBe("sug_1");
    const replaced = applyEvent(composed, completed(3, 1, suggestion("sug_2", 1)));
    expect(replaced.drafts.completed?.id).toBe("sug_2");
    expect(replaced.drafts.streaming).toEqual([]);
  });

  it("remember whose place they took, and give it back", () => {
    const better = { ...suggestion("sug_2", 1), replaces: "sug_1" };
    const state = play(completed(1, 1, suggestion("sug_1", 1)), completed(2, 1, better));
    expect(state.drafts).toMatchObject({ completed: { id: "sug_2" }, former: { id: "sug_1" } });
    const restored = applyEvent(state, completed(3, 1, { ...suggestion("sug_1", 1), replaces: "sug_2" }));
    expect(restored.drafts).toMatchObject({ completed: { id: "sug_1" }, former: { id: "sug_2" } });
  });

  it("that are kept back are not shown, and say why", () => {
    const silent = { drafter: "composer", reason: "seldom_used", why: "3 of 40", confidence: 0.4 } as const;
    const state = play(delta(1, 1, "sug_1", "Hel"), event(2, 1, { type: "suggestion.silent", data: silent }));
    expect(state.drafts).toMatchObject({ streaming: [], silent: { why: "3 of 40" } });
  });

  it("are taken back when blocked, and late deltas do not revive them", () => {
    const blocked = event(2, 1, {
      type: "suggestion.blocked",
      data: { suggestion_id: "sug_1", drafter: "llm", reason: "llm_invalid", message: "Not grounded." },
    });
    const state = play(delta(1, 1, "sug_1", "Inv"), blocked, delta(3, 1, "sug_1", "ented"));
    expect(state.drafts.streaming).toEqual([]);
    expect(state.drafts.blocked).toHaveLength(1);
  });

  it("that never completed are gone when the revision is done", () => {
    const done = event(2, 1, { type: "revision.done", data: { milliseconds: 12, ahead: null } });
    expect(play(delta(1, 1, "sug_1", "Hel"), done)).toMatchObject({ settled: true, drafts: { streaming: [] } });
  });
});

describe("a replayed event", () => {
  it("changes nothing", () => {
    const state = play(delta(1, 1, "sug_1", "Once"));
    expect(applyEvent(state, delta(1, 1, "sug_1", "Once"))).toBe(state);
  });
});

describe("an action", () => {
  it("is updated even when its revision is past", () => {
    const state = play(
      event(1, 1, { type: "action.updated", data: action("proposed") }),
      event(2, 2, { type: "turn", data: turn(2) }),
      event(3, 1, { type: "action.updated", data: action("succeeded") }),
    );
    expect(state.actions.map((known) => known.status)).toEqual(["succeeded"]);
    expect(state.revision).toBe(2);
  });
});

describe("knowledge", () => {
  it("keeps the cards that stand when nothing new was found", () => {
    const shown = event(1, 1, { type: "knowledge", data: { answered: true, confidence: 0.9, cards: [], unchanged: false } });
    const again = event(2, 2, {
      type: "knowledge",
      data: { answered: false, confidence: 0, cards: [], unchanged: true },
    });
    const state = play(shown, again);
    expect(state.knowledge?.value.answered).toBe(true);
    expect(state.knowledge?.revision).toBe(2);
  });

  const found = event(1, 1, { type: "knowledge", data: { answered: true, confidence: 0.9, cards: [], unchanged: false } });

  it("of the message before stays, with its own revision, until newer comes", () => {
    const state = play(found, event(2, 2, { type: "turn", data: turn(2) }));
    expect(state.knowledge?.revision).toBe(1);
  });

  it("of an older revision never replaces newer", () => {
    const newer = event(2, 2, { type: "knowledge", data: { answered: false, confidence: 0.1, cards: [], unchanged: false } });
    const late = { ...found, id: 3 };
    expect(play(newer, late).knowledge?.value.answered).toBe(false);
  });
});

describe("turns", () => {
  it("stand in order, each once, however late they come", () => {
    const state = play(
      event(1, 2, { type: "turn", data: turn(2) }),
      event(2, 1, { type: "turn", data: turn(1) }),
      event(3, 2, { type: "turn", data: turn(2) }),
    );
    expect(state.turns.map((known) => known.sequence)).toEqual([1, 2]);
  });
});

describe("an utterance", () => {
  const heard = (id: number, text: string): AssistEvent =>
    event(id, 1, {
      type: "turn.partial",
      data: { turn_id: "turn_1", conversation_id: "conv_1", utterance_id: "u1", speaker: "customer", text, created_at: "" },
    });

  it("is replaced in place while it goes on, and gone when it is a turn", () => {
    const going = play(heard(1, "Where is"), heard(2, "Where is my"));
    expect(going.partials.map((partial) => partial.text)).toEqual(["Where is my"]);
    const over = applyEvent(going, event(3, 1, { type: "turn", data: turn(1) }));
    expect(over.partials).toEqual([]);
    expect(applyEvent(over, heard(4, "Where is my tent")).partials).toEqual([]);
  });
});

describe("moods", () => {
  const felt = (id: number, revision: number, score: number): AssistEvent =>
    event(id, revision, { type: "understanding", data: { sentiment: { label: "neutral", score } } as never });

  it("are one for each turn, refined in place, the last twelve", () => {
    expect(play(felt(1, 1, 0), felt(2, 1, -0.5), felt(3, 2, -1)).moods).toEqual([-0.5, -1]);
    const many = Array.from({ length: 20 }, (_, n) => felt(n + 1, n + 1, n / 20));
    expect(play(...many).moods).toHaveLength(12);
  });
});

describe("an answer", () => {
  it("comes with the steps that led to it, and no other question's", () => {
    const step = (ask_id: string, number: number) => ({ ask_id, number, kind: "read", tool: "x", ok: true, detail: "" });
    const state = play(
      event(1, 1, { type: "ask.step", data: step("ask_1", 1) as never }),
      event(2, 1, { type: "ask.step", data: step("ask_2", 1) as never }),
      event(3, 1, { type: "ask.answered", data: { ask_id: "ask_2" } as never }),
    );
    expect(state.asked).toMatchObject({ id: "ask_2", steps: [{ ask_id: "ask_2" }], answer: { ask_id: "ask_2" } });
  });
});

describe("the customer", () => {
  it("waits since the first turn that nobody answered", () => {
    const at = (sequence: number, speaker: "customer" | "representative") => ({
      ...turn(sequence),
      speaker,
      created_at: `2026-11-23T10:0${sequence}:00Z`,
    });
    expect(waitingSince([at(1, "customer"), at(2, "representative"), at(3, "customer"), at(4, "customer")])).toMatch("10:03");
    expect(waitingSince([at(1, "customer"), at(2, "representative")])).toBeNull();
  });
});

describe("a source", () => {
  it("has its card's number, and the next ones when it has no card", () => {
    const cite = (passage_id: string) => ({ passage_id }) as never;
    const cards = [{ citation: cite("p1") }, { citation: cite("p2") }] as never;
    const draft = suggestion("sug_1", 1, [{ ...sentence("Hi."), citations: [cite("p9"), cite("p2")] }]);
    const found = event(1, 1, { type: "knowledge", data: { answered: true, confidence: 1, cards, unchanged: false } });
    const state = play(found, completed(2, 1, draft));
    expect(["p1", "p2", "p9"].map((id) => sourceNumber(state, id))).toEqual([1, 2, 3]);
  });
});

describe("a snapshot", () => {
  const snapshot = (id: number, draftRevision: number): AssistEvent =>
    event(id, 3, {
      type: "snapshot",
      data: {
        conversation: { ...conversation(3), turns: [turn(1)] },
        understanding: null,
        knowledge: null,
        order_view: null,
        next_actions: [],
        actions: [],
        suggestion: suggestion("sug_1", draftRevision),
        drafts: [{ suggestion_id: "sug_2", drafter: "llm", text: "Good d" }],
        summary: null,
        wrap_up: null,
        answer: null,
        alerts: [],
        partials: [],
        suggested: [],
      },
    });

  it("replaces everything, and starts the ids anew", () => {
    const state = applyEvent(play(delta(90, 9, "sug_9", "Other server")), snapshot(4, 3));
    expect(state).toMatchObject({ lastEventId: 4, revision: 3, drafts: { completed: { id: "sug_1" } } });
    expect(state.turns).toHaveLength(1);
  });

  it("holds the start of a draft that is still streaming", () => {
    const state = play(snapshot(4, 3), { ...delta(5, 3, "sug_2", "ay"), id: 5 });
    expect(state.drafts.streaming).toEqual([{ id: "sug_2", drafter: "llm", text: "Good day" }]);
  });

  it("shows no suggestion of another revision", () => {
    expect(play(snapshot(4, 2)).drafts.completed).toBeNull();
  });
});
