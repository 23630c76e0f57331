import { afterEach, describe, expect, it } from "vitest";
import { CopilotClient } from "../src/api/client.js";
import { insertInto } from "../src/shell/insert.js";
import { Relay, type RelayEntry } from "../src/shell/relay.js";
import { normaliseServerUrl } from "../src/shell/settings.js";
import { GenericSite } from "../src/shell/sites/generic.js";

const PAGE = `
  <div class="m customer"><b>Ana</b><p>Where is my tent?</p></div>
  <div class="m"><b>Rep</b><p>Let me look.</p></div>
  <div class="m"><p>  </p></div>
  <textarea id="reply"></textarea>`;
const CONFIG = { message: ".m", text: "p", customer: ".customer", composer: "#reply", conversation: "/tickets/(\\d+)" };

afterEach(() => document.body.replaceChildren());

describe("GenericSite", () => {
  it("reads messages in order with who wrote them", () => {
    document.body.innerHTML = PAGE;
    const site = new GenericSite(CONFIG, document, () => "https://desk.example/tickets/81");
    expect(site.read()).toEqual({
      id: "81",
      messages: [
        { speaker: "customer", text: "Where is my tent?" },
        { speaker: "representative", text: "Let me look." },
      ],
    });
  });

  it("sees no conversation on other pages", () => {
    expect(new GenericSite(CONFIG, document, () => "https://desk.example/home").read()).toBeNull();
  });
});

describe("insertInto", () => {
  it("fills an empty reply box so that the page notices", async () => {
    document.body.innerHTML = PAGE;
    const box = document.querySelector("textarea")!;
    let heard = "";
    box.addEventListener("input", () => (heard = box.value));
    expect(await insertInto(box, "It shipped.")).toEqual({ ok: true });
    expect(heard).toBe("It shipped.");
  });

  it("never overwrites a draft", async () => {
    document.body.innerHTML = PAGE;
    const box = document.querySelector("textarea")!;
    box.value = "Dear Ana";
    expect((await insertInto(box, "It shipped.")).ok).toBe(false);
    expect(box.value).toBe("Dear Ana");
  });

  it("says when the page takes the text away again", async () => {
    document.body.innerHTML = PAGE;
    const box = document.querySelector("textarea")!;
    box.addEventListener("input", () => (box.value = ""));
    expect((await insertInto(box, "It shipped.")).ok).toBe(false);
  });
});

describe("Relay", () => {
  it("posts each message once, in order, with a key that names its place", async () => {
    const calls: { path: string; key: string | null; body: unknown }[] = [];
    const client = new CopilotClient({ baseUrl: "", token: "t" }, (path, init) => {
      calls.push({ path, key: new Headers(init?.headers).get("Idempotency-Key"), body: JSON.parse(init?.body as string) });
      return Promise.resolve(Response.json({ id: "conv_1" }));
    });
    const entries = new Map<string, RelayEntry>();
    const memory = {
      get: (id: string) => Promise.resolve(entries.get(id) ?? null),
      set: (id: string, entry: RelayEntry) => Promise.resolve(void entries.set(id, entry)),
    };
    const relay = new Relay(client, memory, "https://desk.example");
    const first = { speaker: "customer", text: "Hello" } as const;
    const second = { speaker: "customer", text: "Anyone?" } as const;
    await Promise.all([relay.follow({ id: "81", messages: [first] }), relay.follow({ id: "81", messages: [first, second] })]);
    expect(calls.map((call) => call.path)).toEqual(["/v1/conversations", "/v1/conversations/conv_1/turns", "/v1/conversations/conv_1/turns"]);
    expect(calls.slice(1).map((call) => call.key)).toEqual(["conv_1:0", "conv_1:1"]);
  });
});

describe("normaliseServerUrl", () => {
  it("keeps the origin", () => expect(normaliseServerUrl(" https://copilot.example/app ")).toBe("https://copilot.example"));

  it.each(["copilot", "http://copilot.example", "ftp://127.0.0.1"])("refuses %s", (text) => {
    expect(() => normaliseServerUrl(text)).toThrow(/address/);
  });
});
