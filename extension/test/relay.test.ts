import { afterEach, describe, expect, it } from "vitest";
import { CopilotClient } from "../src/api/client.js";
import { checkServer } from "../src/shell/check-server.js";
import type { OutboxState } from "../src/shell/outbox.js";
import { Relay } from "../src/shell/relay.js";
import type { SeenConversation } from "../src/shell/sites/adapter.js";
import type { Exclusive, Store } from "../src/shell/store.js";

interface Call {
  readonly method: string;
  readonly path: string;
  readonly key: string | null;
  readonly body: { readonly text?: string; readonly verdict?: string };
}

function memoryStore(): Store {
  const items = new Map<string, string>();
  return {
    get: <T>(key: string) => Promise.resolve(items.has(key) ? (JSON.parse(items.get(key)!) as T) : undefined),
    set: (added) => Promise.resolve(Object.entries(added).forEach(([key, value]) => items.set(key, JSON.stringify(value)))),
  };
}

/** One after another under a name, as Web Locks do it. */
function locks(): Exclusive {
  const ends = new Map<string, Promise<unknown>>();
  return (name, work) => {
    const result = (ends.get(name) ?? Promise.resolve()).then(work);
    ends.set(name, result.catch(() => undefined));
    return result;
  };
}

/** A server that keeps conversations, and answers a key it knows as it did the first time. */
class Server {
  readonly calls: Call[] = [];
  readonly turns = new Map<string, string[]>();
  status = 200;
  /** Takes the request, and loses the answer. */
  losesAnswers = 0;
  closed = new Set<string>();
  private readonly answers = new Map<string, string>();

  private held: Promise<void> = Promise.resolve();

  /** The next answers wait until the returned function is called. */
  holdNext(): () => void {
    let release = (): void => undefined;
    this.held = new Promise((resolve) => (release = resolve));
    return release;
  }

  readonly fetch = async (path: string, init: RequestInit = {}): Promise<Response> => {
    await this.held;
    return this.take(path, init);
  };

  private take(path: string, init: RequestInit): Promise<Response> {
    const key = new Headers(init.headers).get("Idempotency-Key");
    const body = init.body ? (JSON.parse(init.body as string) as Call["body"]) : {};
    if (this.status === 0) return Promise.reject(new TypeError("no network"));
    if (this.status !== 200) return Promise.resolve(Response.json({ title: "Refused", code: "refused" }, { status: this.status }));
    this.calls.push({ method: init.method!, path, key, body });
    const answer = this.answer(init.method!, path, key ?? "", body);
    if (this.losesAnswers-- > 0) return Promise.reject(new TypeError("connection lost"));
    return Promise.resolve(answer);
  }

  private answer(method: string, path: string, key: string, body: Call["body"]): Response {
    if (this.answers.has(key)) return new Response(this.answers.get(key));
    const id = path.split("/")[3];
    if (method === "GET" && id) {
      const turns = this.turns.get(id);
      if (!turns) return Response.json({ title: "Unknown" }, { status: 404 });
      const status = this.closed.has(id) ? "wrapped_up" : "open";
      return Response.json({ id, status, turns: turns.map((text) => ({ speaker: "customer", text })) });
    }
    if (id && this.closed.has(id)) return Response.json({ title: "Closed", code: "conversation_closed" }, { status: 409 });
    if (id && path.endsWith("/turns")) this.turns.get(id)!.push(body.text!);
    const made = id ?? `conv_${this.turns.size + 1}`;
    if (!id) this.turns.set(made, []);
    const text = JSON.stringify({ id: made });
    this.answers.set(key, text);
    return new Response(text);
  }
}

interface Browser {
  session: Store;
  readonly disk: Store;
}

const open: Relay[] = [];

function relay(server: Server, browser: Browser, exclusive: Exclusive = locks()): { relay: Relay; states: OutboxState[]; shown: string[] } {
  const states: OutboxState[] = [];
  const shown: string[] = [];
  const client = new CopilotClient({ baseUrl: "", token: "t" }, server.fetch, []);
  const made = new Relay({
    client,
    server: "https://copilot.example",
    ...browser,
    exclusive,
    onState: (state) => states.push(state),
    onConversation: (_page, id) => shown.push(id),
    timing: { backoff: () => 20, slowMs: 50 },
  });
  open.push(made);
  return { relay: made, states, shown };
}

function seen(...texts: string[]): SeenConversation {
  return { id: "81", channel: "chat", messages: texts.map((text) => ({ id: "", speaker: "customer", text })) };
}

const browser = (): Browser => ({ session: memoryStore(), disk: memoryStore() });
const PAGE = "https://desk.example";
const settle = (milliseconds = 100): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

afterEach(() => open.splice(0).forEach((each) => each.stop()));

describe("Relay", () => {
  it("hands each message on once, in order", async () => {
    const server = new Server();
    const { relay: made, shown, states } = relay(server, browser());
    await Promise.all([made.follow(PAGE, seen("Hello")), made.follow(PAGE, seen("Hello", "Anyone?"))]);
    await settle();
    expect([...server.turns]).toEqual([["conv_1", ["Hello", "Anyone?"]]]);
    expect(new Set(shown)).toEqual(new Set(["conv_1"]));
    expect(states.at(-1)).toEqual({ waiting: 0, problem: null });
  });

  it("sends what comes while an earlier sending ends, whenever that is", async () => {
    for (let later = 0; later < 80; later += 1) {
      const server = new Server();
      const { relay: made } = relay(server, browser());
      const first = made.follow(PAGE, seen("Hello"));
      for (let step = 0; step < later; step += 1) await Promise.resolve();
      await Promise.all([first, made.follow(PAGE, seen("Hello", "Anyone?"))]);
      expect([...server.turns], `${later} steps later`).toEqual([["conv_1", ["Hello", "Anyone?"]]]);
    }
  });

  it("keeps what was said while the server is away, and over a reload of the panel", async () => {
    const server = new Server();
    const shared = browser();
    server.status = 0;
    const before = relay(server, shared);
    await before.relay.follow(PAGE, seen("Hello"));
    await before.relay.sendFeedback("sug_1", { verdict: "used" });
    expect(before.states.at(-1)).toMatchObject({ waiting: 1, problem: expect.stringContaining("cannot be reached") as string });
    before.relay.stop();
    const after = relay(server, shared);
    await after.relay.flush();
    server.status = 200;
    await settle();
    expect(server.turns.get("conv_1")).toEqual(["Hello"]);
    expect(server.calls.map((call) => call.body.verdict ?? call.body.text ?? call.path)).toEqual(["/v1/conversations", "Hello", "used"]);
    expect(after.states.at(-1)).toEqual({ waiting: 0, problem: null });
  });

  it("sends once what the server took without our hearing of it", async () => {
    const server = new Server();
    server.losesAnswers = 3;
    const { relay: made } = relay(server, browser());
    await made.follow(PAGE, seen("Hello", "Anyone?"));
    await settle(300);
    expect([...server.turns]).toEqual([["conv_1", ["Hello", "Anyone?"]]]);
    expect(new Set(server.calls.map((call) => call.key)).size).toBe(3);
  });

  it("tells whoever reads the page now of the conversation that another was still making", async () => {
    const server = new Server();
    const [shared, own] = [browser(), locks()];
    const before = relay(server, shared, own);
    const arrives = server.holdNext();
    void before.relay.follow(PAGE, seen("Hello"));
    await settle(10);
    before.relay.stop(); // The tab was looked at anew.
    const after = relay(server, shared, own);
    const followed = after.relay.follow(PAGE, seen("Hello"));
    arrives();
    await followed;
    expect(after.shown).toContain("conv_1");
    expect([...server.turns]).toEqual([["conv_1", ["Hello"]]]);
  });

  it("goes on with the same conversation after the browser was closed", async () => {
    const server = new Server();
    const shared = browser();
    await relay(server, shared).relay.follow(PAGE, seen("Hello"));
    shared.session = memoryStore();
    await relay(server, shared).relay.follow(PAGE, seen("Hello", "Anyone?"));
    expect([...server.turns]).toEqual([["conv_1", ["Hello", "Anyone?"]]]);
  });

  it("says nothing twice when the server cannot tell what it has", async () => {
    const server = new Server();
    const shared = browser();
    await relay(server, shared).relay.follow(PAGE, seen("Hello"));
    shared.session = memoryStore();
    server.status = 503;
    const { relay: made } = relay(server, shared);
    await expect(made.follow(PAGE, seen("Hello"))).rejects.toThrow();
    server.status = 200;
    await made.follow(PAGE, seen("Hello"));
    expect(server.turns.get("conv_1")).toEqual(["Hello"]);
  });

  it("opens another conversation when somebody writes after the wrap-up", async () => {
    const server = new Server();
    const { relay: made, shown } = relay(server, browser());
    await made.follow(PAGE, seen("Hello"));
    server.closed.add("conv_1");
    await made.follow(PAGE, seen("Hello", "One more thing"));
    expect([...server.turns]).toEqual([["conv_1", ["Hello"]], ["conv_2", ["One more thing"]]]);
    expect(shown.at(-1)).toBe("conv_2");
  });

  it.each([
    [401, /does not accept the key/],
    [503, /Refused/],
    [404, /not like a copilot server/],
  ])("says plainly why things wait when the server answers %i, and recovers by itself", async (status, message) => {
    const server = new Server();
    server.status = status;
    const { relay: made, states } = relay(server, browser());
    await made.follow(PAGE, seen("Hello"));
    expect(states.at(-1)!.problem).toMatch(message);
    server.status = 200;
    await settle();
    expect(states.at(-1)).toEqual({ waiting: 0, problem: null });
    expect(server.turns.get("conv_1")).toEqual(["Hello"]);
  });

  it("says that the server is slow", async () => {
    const server = new Server();
    const quick = server.fetch;
    const slow = { fetch: (path: string, init?: RequestInit) => settle(120).then(() => quick(path, init)) };
    const { relay: made, states } = relay(Object.assign(Object.create(server) as Server, slow), browser());
    await made.follow(PAGE, seen("Hello"));
    expect(states.map((state) => state.problem)).toEqual([expect.stringContaining("slow"), null]);
  });
});

describe("checkServer", () => {
  const answering = (respond: () => Response | Promise<Response>): CopilotClient =>
    new CopilotClient({ baseUrl: "", token: "t" }, () => Promise.resolve(respond()), []);

  it.each([
    ["Connected", () => Response.json({ items: [] })],
    ["The server does not accept this key.", () => Response.json({ title: "No" }, { status: 401 })],
    ["not like a copilot server", () => new Response("<html>", { status: 200 })],
    ["not like a copilot server", () => new Response("none", { status: 404 })],
    ["Trying again", () => Promise.reject(new TypeError("refused"))],
  ])("says: %s", async (message, respond) => {
    expect((await checkServer(answering(respond))).message).toContain(message);
  });
});
