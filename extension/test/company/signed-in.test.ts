import { beforeEach, afterEach, expect, it, vi } from "vitest";
import type { Person } from "../../src/shell/company/person.js";
import { loadBearer, saveKey, savePerson, signOut } from "../../src/shell/signed-in.js";
import { OFFER, SERVER } from "./provider.js";

const PERSON: Person = { id: "p1", server: SERVER, offer: OFFER, accessToken: "access", refreshToken: "refresh", expiresAt: Number.MAX_SAFE_INTEGER };
let memory: Record<string, unknown>;

beforeEach(() => {
  memory = {};
  const session = {
    get: (keys: string | string[]) => Promise.resolve(Object.fromEntries([keys].flat().flatMap((key) => (key in memory ? [[key, memory[key]]] : [])))),
    set: (items: Record<string, unknown>) => Promise.resolve(void Object.assign(memory, items)),
  };
  vi.stubGlobal("chrome", { storage: { session } }); // No other area: what is written elsewhere breaks the test.
});
afterEach(() => vi.unstubAllGlobals());

async function sentTo(server: string): Promise<string> {
  const bearer = await loadBearer(server);
  return typeof bearer === "string" ? bearer : bearer.token();
}

it("shows a person's token to the server that it was fetched for, and to no other", async () => {
  await savePerson(PERSON);
  expect(await sentTo(SERVER)).toBe("access");
  expect(await sentTo("https://elsewhere.example")).toBe("");
});

it("has one way to be let in at a time", async () => {
  expect(await sentTo(SERVER)).toBe("");
  await saveKey("cop_1");
  expect(await sentTo(SERVER)).toBe("cop_1");
  await savePerson(PERSON);
  expect(JSON.stringify(memory)).not.toContain("cop_1");
  await saveKey("cop_2");
  expect(await sentTo(SERVER)).toBe("cop_2");
  expect(JSON.stringify(memory)).not.toContain("access");
});

it("forgets everything when somebody signs out", async () => {
  await savePerson(PERSON);
  await signOut();
  expect(memory).toEqual({ token: "", person: null });
  expect(await sentTo(SERVER)).toBe("");
});

it("is the same object while it is the same person, so that nothing is begun anew", async () => {
  await savePerson(PERSON);
  const first = await loadBearer(SERVER);
  await savePerson({ ...PERSON, accessToken: "renewed" });
  expect(await loadBearer(SERVER)).toBe(first);
  await savePerson({ ...PERSON, id: "p2" });
  expect(await loadBearer(SERVER)).not.toBe(first);
});
