import { describe, expect, it } from "vitest";
import { take, type CompanySignInDone } from "../../src/shell/company/background.js";
import { CLOSED, explain, PAGE_AWAY, SignInError } from "../../src/shell/company/identity.js";
import { offerOf } from "../../src/shell/company/offer.js";
import type { Person } from "../../src/shell/company/person.js";
import { challengeOf, randomText } from "../../src/shell/company/pkce.js";
import { OFFER, SERVER, World } from "./provider.js";

async function signIn(world: World, offer = OFFER): Promise<CompanySignInDone & { kept: Person[] }> {
  const kept: Person[] = [];
  const desk = { identity: world.identity, fetch: world.fetch, now: world.now, keep: async (person: Person) => void kept.push(person) };
  return { ...(await take({ kind: "company-sign-in", server: SERVER, offer }, desk)), kept };
}

async function problemOf(world: World, offer = OFFER): Promise<string> {
  const { problem, kept } = await signIn(world, offer);
  expect(kept).toEqual([]);
  return problem!;
}

describe("PKCE", () => {
  it("makes the challenge of RFC 7636, appendix B", async () => {
    expect(await challengeOf("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")).toBe("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
  });

  it("makes verifiers of allowed letters and enough of them, none twice", () => {
    const made = Array.from({ length: 100 }, randomText);
    expect(new Set(made).size).toBe(100);
    for (const each of made) expect(each).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });
});

describe("signing in at the company's provider", () => {
  it("sends people there with a challenge, and keeps what the code stands for", async () => {
    const world = new World();
    const { problem, kept } = await signIn(world);
    expect(problem).toBeNull();
    expect(kept).toMatchObject([{ server: SERVER, accessToken: "access-1", refreshToken: "refresh-1", expiresAt: world.time + 300_000 }]);
    expect(world.bearers).toEqual(["access-1"]);
    const { asked } = world.identity;
    expect(asked).toMatchObject({
      realm: "desk", // the endpoint's own query stays
      response_type: "code",
      client_id: "copilot-extension",
      redirect_uri: "https://copilot.chromiumapp.org/",
      scope: "openid offline_access",
      code_challenge_method: "S256",
    });
    const [{ code_verifier }] = world.grants as [{ code_verifier: string }];
    expect(JSON.stringify(asked)).not.toContain(code_verifier);
    expect(new Set([asked["state"], asked["nonce"], asked["code_challenge"], code_verifier]).size).toBe(4);
  });

  it("keeps neither the ID token nor the verifier", async () => {
    const { kept } = await signIn(new World());
    expect(Object.keys(kept[0]!).sort()).toEqual(["accessToken", "expiresAt", "id", "offer", "refreshToken", "server"]);
  });

  it("changes nothing when the window is closed", async () => {
    const world = new World();
    world.identity.answer = () => new SignInError(explain("The user did not approve access."));
    expect(await problemOf(world)).toBe("The window was closed. Nothing was changed.");
    expect(world.grants).toEqual([]);
  });

  it.each([
    ["The user did not approve access.", CLOSED],
    ["User cancelled or denied access.", CLOSED],
    ["Authorization page could not be loaded.", PAGE_AWAY],
    ["Something new", "The browser could not show the company's sign-in page. Try again."],
  ])("explains the browser's %j", (said, shown) => expect(explain(said)).toBe(shown));

  it.each([
    ["another state", () => ({ code: "code-1", state: "theirs" }), /not asked for here/],
    ["no state", () => ({ code: "code-1" }), /not asked for here/],
    ["another provider", (state: string) => ({ code: "code-1", state, iss: "https://elsewhere.example" }), /Another provider/],
    ["a refusal", (state: string) => ({ code: "code-1", state, error: "access_denied" }), /did not sign you in/],
    ["no code", (state: string) => ({ state }), /did not sign you in/],
  ])("does not fetch tokens for %s", async (_, answer: (state: string) => Record<string, string>, problem) => {
    const world = new World();
    world.identity.answer = ({ state }) => answer(state!);
    expect(await problemOf(world)).toMatch(problem);
    expect(world.grants).toEqual([]);
  });

  it("takes no answer that came back to another address", async () => {
    const world = new World();
    world.identity.back = "https://elsewhere.example/";
    expect(await problemOf(world)).toMatch(/not asked for here/);
    expect(world.grants).toEqual([]);
  });

  it.each([
    { nonce: "of another sign-in" },
    { nonce: undefined },
    { aud: "another" },
    { aud: ["copilot-extension", "another"] },
    { azp: "another" },
    { iss: "https://elsewhere.example" },
  ])("takes no ID token that says %j", async (claims) => {
    const world = new World();
    world.claims = claims;
    expect(await problemOf(world)).toMatch(/not of this sign-in/);
    expect(world.bearers).toEqual([]);
  });

  it("says when the provider is away, or does not take its code", async () => {
    const world = new World();
    world.provider = "gone";
    expect(await problemOf(world)).toMatch(/identity provider does not answer/);
    world.provider = "in trouble";
    expect(await problemOf(world)).toMatch(/identity provider does not answer/);
    world.provider = "refuses";
    expect(await problemOf(world)).toMatch(/did not take its own code/);
  });

  it("keeps nobody who has no role on the server", async () => {
    const world = new World();
    world.server = () => Response.json({ title: "Not permitted", detail: "You have none of the roles.", hint: "Ask for one of: desk." }, { status: 403 });
    expect(await problemOf(world)).toBe("The server does not accept this account. You have none of the roles. Ask for one of: desk.");
  });

  it("keeps who has signed in while the server is away for a moment", async () => {
    const world = new World();
    world.server = () => new Response("", { status: 503 });
    expect((await signIn(world)).kept).toHaveLength(1);
  });

  it.each([
    { token_endpoint: "https://elsewhere.example/token" },
    { authorization_endpoint: "https://elsewhere.example/authorize" },
    { issuer: "http://id.example", authorization_endpoint: "http://id.example/a", token_endpoint: "http://id.example/t" },
    { token_endpoint: "/token" },
  ])("sends nobody to %j", async (changed) => {
    const world = new World();
    expect(await problemOf(world, { ...OFFER, ...changed })).toMatch(/not safe/);
    expect(world.identity.opened).toEqual([]);
  });
});

describe("what a server offers", () => {
  it.each([
    ["an account", () => Response.json({ company: OFFER }), OFFER],
    ["keys alone", () => Response.json({ company: null }), null],
    ["nothing yet, being older", () => new Response("", { status: 404 }), null],
    ["an account whose provider is away", () => new Response("", { status: 503 }), "away"],
    ["something else", () => new Response("<html>"), null],
  ])("is %s", async (_, answer, found) => {
    const asked: [string, Headers][] = [];
    const fetchImpl = async (input: string, init: RequestInit = {}): Promise<Response> => {
      asked.push([input, new Headers(init.headers)]);
      return answer();
    };
    expect(await offerOf(SERVER, fetchImpl)).toEqual(found);
    expect(asked[0]![0]).toBe("https://copilot.example/v1/sign-in");
    expect(asked[0]![1].has("Authorization")).toBe(false);
  });
});
