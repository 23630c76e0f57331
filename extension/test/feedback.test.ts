import { beforeEach, describe, expect, it } from "vitest";
import { FeedbackRecorder } from "../src/panel/feedback.js";
import { applyEvent, INITIAL_STATE } from "../src/panel/state.js";
import { completed, event, suggestion, turn } from "./builders.js";

const DRAFT = suggestion("sug_1", 1);
const BEFORE = applyEvent(INITIAL_STATE, completed(1, 1, DRAFT));

function said(text: string) {
  return event(2, 2, { type: "turn", data: { ...turn(2, text), speaker: "representative" } });
}

describe("feedback", () => {
  let sent: object[];
  let refuse: boolean;
  let failures: unknown[];
  let recorder: FeedbackRecorder;

  beforeEach(() => {
    [sent, refuse, failures] = [[], false, []];
    const sink = {
      sendFeedback: async (id: string, body: object) => {
        if (refuse) throw new Error("down");
        sent.push({ id, ...body });
      },
    };
    recorder = new FeedbackRecorder(() => sink, () => undefined, (error) => failures.push(error));
  });

  it("says used when a draft is sent as inserted, white space apart", async () => {
    await recorder.inserted("sug_1", "Hello there.", false);
    recorder.sees(BEFORE, said("Hello  there.\nBye"));
    expect(sent).toEqual([{ id: "sug_1", verdict: "used" }]);
  });

  it("says edited, with the text, when it was changed in the reply box", async () => {
    await recorder.inserted("sug_1", "Hello there.", false);
    recorder.sees(BEFORE, said("Hi there."));
    expect(sent.at(-1)).toEqual({ id: "sug_1", verdict: "edited", final_text: "Hi there." });
    expect(recorder.useOf("sug_1")).toBe("sentEdited");
  });

  it("says ignored when the answer was another", () => {
    recorder.sees(BEFORE, said("One moment."));
    expect(sent).toEqual([{ id: "sug_1", verdict: "ignored" }]);
  });

  it("says nothing of the customer's turns", () => {
    recorder.sees(BEFORE, event(2, 2, { type: "turn", data: turn(2) }));
    expect(sent).toEqual([]);
  });

  it("keeps what is known of the use when somebody likes it", async () => {
    await recorder.inserted("sug_1", "Hello!", true);
    await recorder.rated("sug_1", true, "helpful");
    expect(sent.at(-1)).toEqual({ id: "sug_1", verdict: "edited", final_text: "Hello!", reason: "helpful" });
    expect(recorder.useOf("sug_1")).toBe("insertedEdited");
  });

  it("takes back what could not be recorded, and says so", async () => {
    refuse = true;
    await recorder.inserted("sug_1", "Hello.", false);
    expect(recorder.useOf("sug_1")).toBeNull();
    expect(failures).toHaveLength(1);
  });

  it("lets the last word on a draft be the last to arrive", async () => {
    const arrived: object[] = [];
    const ends: ((error?: Error) => void)[] = [];
    const slow = {
      sendFeedback: (_: string, body: object) =>
        new Promise<void>((done, refused) => {
          arrived.push(body);
          ends.push((error) => (error ? refused(error) : done()));
        }),
    };
    recorder = new FeedbackRecorder(() => slow, () => undefined, (error) => failures.push(error));

    const first = recorder.inserted("sug_1", "Hello there.", false);
    const second = recorder.rated("sug_1", false, "wrong policy");
    void recorder.inserted("sug_2", "Another draft's.", false);
    expect(arrived).toEqual([{ verdict: "used" }, { verdict: "used" }]); // one of each
    ends[0]?.(new Error("down"));
    await first;
    await Promise.resolve();
    expect(arrived.at(-1)).toEqual({ verdict: "rejected", reason: "wrong policy" });
    expect(recorder.useOf("sug_1")).toBe("noted"); // the earlier one's failure takes back nothing of it
    ends[2]?.();
    await second;
    expect(failures).toHaveLength(1);
  });
});
