import { describe, expect, it } from "vitest";
import { CopilotClient } from "../../src/api/client.js";
import { EventStream } from "../../src/api/stream.js";
import { PERSON, PersonCredential, type Person } from "../../src/shell/company/person.js";
import { signIn } from "../../src/shell/company/sign-in.js";
import { isAnother } from "../../src/shell/signed-in.js";
import type { Store } from "../../src/shell/store.js";
import { locks, memoryStore, OFFER, SERVER, World } from "./provider.js";

/** Somebody signed in, in a browser with as many windows as are asked for. */
class Browser {
  readonly session: Store = memoryStore();
  private readonly exclusive = locks();

  private constructor(
    readonly world: World,
    readonly person: Person,
  ) {}

  static async of(world: World): Promise<Browser> {
    const person = await signIn(SERVER, OFFER, world);
    const browser = new Browser(world, person);
    await browser.session.set({ [PERSON]: person });
    return browser;
  }

  window(): PersonCredential {
    const { session, exclusive, world } = this;
    return new PersonCredential(this.person.id, { session, exclusive, fetch: world.fetch, now: world.now });
  }

  client(): CopilotClient {
    return new CopilotClient({ baseUrl: SERVER, token: this.window() }, this.world.fetch, []);
  }

  kept(): Promise<Person | null | undefined> {
    return this.session.get<Person | null>(PERSON);
  }

  get refreshes(): number {
    return this.world.grants.filter((grant) => grant["grant_type"] === "refresh_token").length;
  }
}

describe("a person's token", () => {
  it("is sent as it is while it is good for long", async () => {
    const browser = await Browser.of(new World());
    await browser.client().listConversations(1);
    expect(browser.world.bearers).toEqual(["access-1"]);
    expect(browser.refreshes).toBe(0);
  });

  it("is renewed before it expires, and nobody waits for that", async () => {
    const browser = await Browser.of(new World());
    const window = browser.window();
    browser.world.time += 250_000;
    expect(await Promise.all([window.token(), window.token()])).toEqual(["access-1", "access-1"]);
    await expect.poll(() => window.token()).toBe("access-2");
    expect(browser.refreshes).toBe(1);
    expect(browser.world.grants.at(-1)).toEqual({ grant_type: "refresh_token", refresh_token: "refresh-1", client_id: "copilot-extension" });
    const kept = await browser.kept();
    expect(kept).toMatchObject({ id: browser.person.id, refreshToken: "refresh-2", expiresAt: browser.world.time + 300_000 });
  });

  it("is renewed once by several windows, since a refresh token may be good once", async () => {
    const browser = await Browser.of(new World());
    browser.world.time += 301_000;
    const tokens = await Promise.all([1, 2, 3].map(() => browser.window().token()));
    expect(tokens).toEqual(["access-2", "access-2", "access-2"]);
    expect(browser.refreshes).toBe(1);
  });

  it("keeps the refresh token of a provider that gives no other", async () => {
    const browser = await Browser.of(new World());
    browser.world.givesRefreshTokens = false;
    browser.world.time += 301_000;
    await browser.window().token();
    expect(await browser.kept()).toMatchObject({ accessToken: "access-2", refreshToken: "refresh-1" });
  });

  it("is renewed when the server refuses it, and the request sent again, once", async () => {
    const browser = await Browser.of(new World());
    browser.world.accepted = new Set(["access-2"]);
    expect(await browser.client().listConversations(1)).toEqual({ items: [] });
    expect(browser.world.bearers).toEqual(["access-1", "access-2"]);

    browser.world.accepted = new Set();
    await expect(browser.client().listConversations(1)).rejects.toMatchObject({ status: 401 });
    expect(browser.world.bearers.slice(2)).toEqual(["access-2", "access-3"]);
  });

  it("that the server refuses while the provider is away is not sent again", async () => {
    const browser = await Browser.of(new World());
    browser.world.accepted = new Set();
    browser.world.provider = "gone";
    await expect(browser.client().listConversations(1)).rejects.toMatchObject({ status: 401, message: "The token has expired" });
    expect(browser.world.bearers).toEqual(["access-1"]);
    expect(await browser.kept()).toMatchObject({ accessToken: "access-1" });
  });

  it("is not asked for again when another window has a new one already", async () => {
    const browser = await Browser.of(new World());
    await browser.session.set({ [PERSON]: { ...browser.person, accessToken: "theirs" } });
    expect(await browser.window().instead("access-1")).toBe("theirs");
    expect(browser.refreshes).toBe(0);
  });

  it("lasts on while the provider is away, and then waits for it", async () => {
    const browser = await Browser.of(new World());
    browser.world.provider = "gone";
    browser.world.time += 299_000;
    expect(await browser.window().token()).toBe("access-1");
    browser.world.time += 2_000;
    await expect(browser.window().token()).rejects.toMatchObject({ status: 503, message: /identity provider does not answer/ });
    browser.world.provider = "up";
    expect(await browser.window().token()).toBe("access-2");
  });

  it.each([
    ["the provider refuses to renew it", true],
    ["the provider gave nothing to renew it with", false],
  ])("is forgotten when %s", async (_, givesRefreshTokens) => {
    const world = new World();
    world.givesRefreshTokens = givesRefreshTokens;
    const browser = await Browser.of(world);
    world.provider = "refuses";
    world.time += 301_000;
    await expect(browser.client().listConversations(1)).rejects.toMatchObject({ status: 401, message: "Your sign-in has ended. Sign in again." });
    expect(await browser.kept()).toBeNull();
    expect(world.bearers).toEqual([]);
  });

  it("without anything to renew it with, a refusal is the server's last word", async () => {
    const world = new World();
    world.givesRefreshTokens = false;
    world.accepted = new Set();
    const browser = await Browser.of(world);
    await expect(browser.client().listConversations(1)).rejects.toMatchObject({ status: 401, message: "The token has expired" });
    expect(world.bearers).toEqual(["access-1"]);
  });

  it("does not come back after somebody has signed out while it was renewed", async () => {
    const browser = await Browser.of(new World());
    browser.world.time += 301_000;
    const asked = browser.world.fetch;
    const fetchAndSignOut: typeof asked = async (input, init) => {
      const response = await asked(input, init);
      await browser.session.set({ [PERSON]: null });
      return response;
    };
    const { session } = browser;
    const window = new PersonCredential(browser.person.id, { session, exclusive: locks(), fetch: fetchAndSignOut, now: browser.world.now });
    await expect(window.token()).rejects.toMatchObject({ status: 401 });
    expect(await browser.kept()).toBeNull();
  });

  it("that was renewed is nobody else; another sign-in is", async () => {
    const { person } = await Browser.of(new World());
    expect(isAnother({ [PERSON]: { oldValue: person, newValue: { ...person, accessToken: "new" } } })).toBe(false);
    expect(isAnother({ [PERSON]: { oldValue: person, newValue: { ...person, id: "another" } } })).toBe(true);
    expect(isAnother({ [PERSON]: { oldValue: person, newValue: null } })).toBe(true);
    expect(isAnother({ token: { newValue: "cop_…" } })).toBe(true);
    expect(isAnother({ serverUrl: { newValue: SERVER } })).toBe(false);
  });

  it("opens a stream again when the server has refused it, and signs out when it has ended", async () => {
    const browser = await Browser.of(new World());
    const { world } = browser;
    world.accepted = new Set(["access-2"]);
    world.server = () => new Response(": hello\n\n", { headers: { "Content-Type": "text/event-stream" } });
    const states: string[] = [];
    let onceLive = (): void => undefined;
    const live = new Promise<void>((resolve) => (onceLive = resolve));
    let onceOut = (): void => undefined;
    const out = new Promise<void>((resolve) => (onceOut = resolve));
    const stream = new EventStream(
      { baseUrl: SERVER, token: browser.window() },
      "conv_1",
      {
        onEvent: () => undefined,
        onState: (state) => {
          states.push("message" in state ? `${state.kind}: ${state.message}` : state.kind);
          if (state.kind === "live" && world.provider === "up") {
            world.provider = "refuses";
            world.time += 301_000;
            onceLive();
          }
          if (state.kind === "signed_out") onceOut();
        },
      },
      { backoff: () => 1, silenceMs: 10_000, downAfter: 3 },
      world.fetch as typeof fetch,
    );
    stream.start();
    await live;
    expect(world.bearers).toEqual(["access-1", "access-2"]);
    await out;
    stream.stop();
    expect(states.at(-1)).toBe("signed_out: Your sign-in has ended. Sign in again.");
  });
});
