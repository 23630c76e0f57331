import { afterEach, describe, expect, it } from "vitest";
import type { AssistEvent } from "../src/api/model.js";
import { SseParser } from "../src/api/sse.js";
import { type ConnectionState, EventStream } from "../src/api/stream.js";

describe("SseParser", () => {
  const wire = 'id: 7\r\nevent: turn\r\ndata: {"a":\r\ndata: 1}\r\n\r\n: heartbeat\n\ndata: x\n\n';

  it("reads events however the bytes are cut", () => {
    for (let size = 1; size < wire.length; size += 1) {
      const parser = new SseParser();
      const events = [];
      for (let at = 0; at < wire.length; at += size) events.push(...parser.push(wire.slice(at, at + size)));
      expect(events).toEqual([
        { id: "7", event: "turn", data: '{"a":\n1}' },
        { id: "7", event: "message", data: "x" },
      ]);
    }
  });
});

type Answer = Response | Error;

/** Plays one answer per request, then hangs. */
class Server {
  readonly requests: Headers[] = [];
  private stream: EventStream | null = null;
  readonly states: string[] = [];
  readonly events: AssistEvent[] = [];

  constructor(private readonly answers: Answer[]) {}

  readonly fetch = ((_url: string, init: RequestInit) => {
    this.requests.push(new Headers(init.headers));
    const answer = this.answers.shift();
    if (!answer) return new Promise<Response>(() => undefined);
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  }) as typeof fetch;

  async runUntil(condition: () => boolean): Promise<void> {
    this.stream = new EventStream(
      { baseUrl: "https://server.example", token: "secret" },
      "conv_1",
      { onEvent: (event) => this.events.push(event), onState: (state: ConnectionState) => this.states.push(state.kind) },
      { backoff: () => 1, silenceMs: 10_000, downAfter: 3 },
      this.fetch,
    );
    this.stream.start();
    const deadline = Date.now() + 4_000; // a busy machine takes its time
    while (!condition() && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 2));
    expect(condition()).toBe(true);
  }

  stop = (): void => this.stream?.stop();
}

function streamOf(text: string): Response {
  return new Response(text, { headers: { "Content-Type": "text/event-stream" } });
}

describe("EventStream", () => {
  let server: Server;
  afterEach(() => server.stop());

  it("reconnects where it left off", async () => {
    server = new Server([streamOf('id: 41\ndata: {"type":"turn"}\n\n'), streamOf("")]);
    await server.runUntil(() => server.requests.length >= 2);
    expect(server.requests[0]!.get("Authorization")).toBe("Bearer secret");
    expect(server.requests[0]!.get("Last-Event-ID")).toBeNull();
    expect(server.requests[1]!.get("Last-Event-ID")).toBe("41");
    expect(server.events).toEqual([{ type: "turn" }]);
    expect(server.states.slice(0, 3)).toEqual(["connecting", "live", "reconnecting"]);
  });

  it("says that it is not signed in, and stops", async () => {
    server = new Server([new Response('{"title":"Unknown key"}', { status: 401 })]);
    await server.runUntil(() => server.states.includes("signed_out"));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(server.requests).toHaveLength(1);
  });

  it("calls the server down after three failures, and recovers by itself", async () => {
    const down = new TypeError("fetch failed");
    server = new Server([down, down, down, streamOf('id: 1\ndata: {"type":"turn"}\n\n')]);
    await server.runUntil(() => server.events.length === 1);
    expect(server.states.slice(0, 5)).toEqual(["connecting", "reconnecting", "reconnecting", "down", "live"]);
  });

  it("knows a page from a stream", async () => {
    server = new Server([new Response("<html>", { headers: { "Content-Type": "text/html" } })]);
    await server.runUntil(() => server.states.includes("incompatible"));
  });

  it("survives data that it cannot read", async () => {
    server = new Server([streamOf('data: {oops\n\nid: 2\ndata: {"type":"turn"}\n\n')]);
    await server.runUntil(() => server.events.length === 1);
  });
});
