import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { asHtml, Relay, wordsOf } from "../hosts/relay.js";
import { contactOf, turnsOfLog } from "../hosts/salesforce/force-app/main/default/lwc/copilotPanel/conversation.js";
import { otherVersion, readFromFrame, readFromPage, wrap } from "../src/widget/protocol.js";
import { Session, type SessionHandlers } from "../src/widget/session.js";
import { TurnQueue } from "../src/widget/turns.js";

const TIMING = { aheadMs: 1_000, retryMs: 100, tooSoonMs: 50 };

describe("messages between page and frame", () => {
  const turn = { type: "turn", request: 1, speaker: "customer", text: "Hi", id: "" } as const;

  it("come out as they went in", () => {
    expect(readFromPage(wrap(turn))).toEqual(turn);
    expect(readFromFrame(wrap({ type: "ready" }))).toEqual({ type: "ready" });
  });

  it("bring the known fields alone", () => {
    expect(readFromPage({ ...wrap(turn), extra: 1, __proto__: { polluted: true } })).toEqual(turn);
  });

  it.each([
    [{ ...wrap(turn), request: -1 }],
    [{ ...wrap(turn), request: 1.5 }],
    [{ ...wrap(turn), text: 5 }],
    [{ ...wrap(turn), speaker: "admin" }],
    [{ ...wrap(turn), type: "constructor" }],
    [{ ...wrap(turn), version: 2 }],
    [{ ...wrap(turn), protocol: "other" }],
    [null],
    ["turn"],
    [[turn]],
  ])("are none when anything is wrong with them: %j", (data) => expect(readFromPage(data)).toBeNull());

  it("of the frame are none from the page, and the other way round", () => {
    expect(readFromFrame(wrap(turn))).toBeNull();
    expect(readFromPage(wrap({ type: "ready" }))).toBeNull();
  });

  it("of another version are told apart from strangers'", () => {
    expect(otherVersion({ ...wrap(turn), version: 7 })).toBe(7);
    expect(otherVersion(wrap(turn))).toBeNull();
    expect(otherVersion({ version: 7 })).toBeNull();
  });
});

describe("a session", () => {
  beforeEach(() => void vi.useFakeTimers({ now: 0 }));
  afterEach(() => void vi.useRealTimers());

  const session = (ask: SessionHandlers["ask"]) => {
    const seen: string[] = [];
    const made = new Session("c", { ask, onGrant: ({ token }) => seen.push(token), onLost: (why) => seen.push(`lost: ${why}`) }, TIMING);
    return { made, seen };
  };
  const until = (seconds: number): string => new Date(seconds * 1_000).toISOString();

  it("replaces its token before that ends", async () => {
    const ask = vi.fn(async () => ({ token: `t${ask.mock.calls.length}`, expires_at: until(10 * ask.mock.calls.length) }));
    const { made, seen } = session(ask);
    await made.start();
    await vi.advanceTimersByTimeAsync(8_999);
    expect(seen).toEqual(["t1"]);
    await vi.advanceTimersByTimeAsync(2);
    expect(seen).toEqual(["t1", "t2"]);
    expect(ask.mock.calls.map((call) => (call as unknown[])[1])).toEqual(["start", "expiring"]);
  });

  it("tries again while the old token holds, and is lost when it ends", async () => {
    let works = true;
    const { made, seen } = session(async () => {
      if (!works) throw new Error("No.");
      return { token: "t", expires_at: until(10) };
    });
    await made.start();
    works = false;
    await vi.advanceTimersByTimeAsync(9_900);
    expect(seen).toEqual(["t"]);
    await vi.advanceTimersByTimeAsync(300);
    expect(seen).toEqual(["t", "lost: No."]);
  });

  it("asks once more for a token that the server refuses, and not again at once", async () => {
    const ask = vi.fn(async () => ({ token: "t" }));
    const { made, seen } = session(ask);
    await made.start();
    await vi.advanceTimersByTimeAsync(60);
    await made.refused();
    await made.refused();
    expect(ask).toHaveBeenCalledTimes(2);
    expect(seen).toEqual(["t", "t", "lost: The server does not accept the token."]);
  });

  it("that was stopped takes no late answer", async () => {
    let answer = (_: { token: string }): void => undefined;
    const { made, seen } = session(() => new Promise((resolve) => (answer = resolve)));
    const started = made.start();
    made.stop();
    answer({ token: "late" });
    await started;
    expect(seen).toEqual([]);
  });
});

describe("a queue of turns", () => {
  const answers = (...statuses: number[]) => {
    const bodies: Record<string, unknown>[] = [];
    const keys: string[] = [];
    const fetchImpl = async (_: string, init?: RequestInit): Promise<Response> => {
      bodies.push(JSON.parse(String(init?.body)));
      keys.push((init?.headers as Record<string, string>)["Idempotency-Key"]!);
      const status = statuses.shift() ?? 202;
      return new Response(JSON.stringify(status < 300 ? { id: `turn_${bodies.length}` } : { title: "No." }), { status });
    };
    return { queue: new TurnQueue("", "conv_1", () => "t", fetchImpl, [1, 1]), bodies, keys };
  };

  it("sends each once, in order", async () => {
    const { queue, bodies } = answers();
    const [a, b, again] = await Promise.all([
      queue.add({ speaker: "customer", text: "1", id: "m1" }),
      queue.add({ speaker: "customer", text: "2", id: "m2" }),
      queue.add({ speaker: "customer", text: "1", id: "m1" }),
    ]);
    expect([a, b, again]).toEqual(["turn_1", "turn_2", "turn_1"]);
    expect(bodies.map(({ utterance_id }) => utterance_id)).toEqual(["m1", "m2"]);
  });

  it("tries again with the same key while the server is away", async () => {
    const { queue, keys } = answers(503, 503);
    await expect(queue.add({ speaker: "customer", text: "1", id: "m1" })).resolves.toBe("turn_3");
    expect(new Set(keys).size).toBe(1);
  });

  it("goes on after one that is refused, which may be given again", async () => {
    const { queue, bodies } = answers(422);
    await expect(queue.add({ speaker: "customer", text: "", id: "m1" })).rejects.toThrow("No.");
    await queue.add({ speaker: "customer", text: "2", id: "m2" });
    await queue.add({ speaker: "customer", text: "1", id: "m1" });
    expect(bodies.length).toBe(3);
  });
});

describe("what hosts share", () => {
  it("reads the words of HTML, a line for each block", () => {
    expect(wordsOf("<p>Hi &amp; hello</p><div>Two<br>three</div><script>alert(1)</script>")).toBe("Hi & hello\nTwo\nthree");
  });

  it("keeps text text in an editor that takes HTML", () => {
    expect(asHtml(`<b>"a" & 'b'</b>\nc`)).toBe("&lt;b&gt;&quot;a&quot; &amp; &#39;b&#39;&lt;/b&gt;<br>c");
  });

  it("tells of each message once, and again of one that failed", async () => {
    const addTurn = vi.fn().mockRejectedValueOnce(new Error("down")).mockResolvedValue("turn_1");
    const relay = new Relay({ addTurn });
    const list = [{ speaker: "customer" as const, text: "Hi", id: "1" }];
    relay.follow(list);
    await Promise.resolve();
    await Promise.resolve();
    relay.follow(list);
    relay.follow(list);
    expect(addTurn).toHaveBeenCalledTimes(2);
  });
});

describe("Salesforce's conversation log", () => {
  const log = [
    { type: "EndUser", content: "My lantern arrived broken.", name: "Elena", timestamp: "2026-11-23T09:00:00.000Z" },
    { type: "Chatbot", content: "A person will be with you.", name: "Bot", timestamp: "2026-11-23T09:00:01.000Z" },
    { type: "Agent", content: " I am sorry. ", name: "Robin", timestamp: "2026-11-23T09:00:30.000Z" },
    { type: "END_USER", content: "Hello?", name: "Elena", timestamp: "2026-11-23T09:01:00.000Z" },
    { type: "END_USER", content: "Hello?", name: "Elena", timestamp: "2026-11-23T09:01:00.000Z" },
  ];

  it("becomes turns of people, in order", () => {
    expect(turnsOfLog("0Mw1", log).map(({ speaker, text }: { speaker: string; text: string }) => [speaker, text])).toEqual([
      ["customer", "My lantern arrived broken."],
      ["representative", "I am sorry."],
      ["customer", "Hello?"],
      ["customer", "Hello?"],
    ]);
  });

  it("names each message the same whenever it is read, and no two alike", () => {
    const ids = turnsOfLog("0Mw1", log).map(({ id }: { id: string }) => id);
    expect(turnsOfLog("0Mw1", log).map(({ id }: { id: string }) => id)).toEqual(ids);
    expect(new Set(ids).size).toBe(4);
    expect(turnsOfLog("0Mw1", log.slice(0, 3)).map(({ id }: { id: string }) => id)).toEqual(ids.slice(0, 2));
    for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,199}$/);
  });

  it("is asked for by the session's id", () => {
    expect(contactOf("0Mw1", undefined, undefined)).toEqual({ id: "salesforce:0Mw1", channel: "chat", subject: "" });
  });
});
