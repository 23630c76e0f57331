/** Who is signed in: an API key or a person, in memory until the browser closes, out of reach of pages. */
import type { Bearer } from "../api/credential.js";
import { PERSON, PersonCredential, type Person } from "./company/person.js";
import { exclusive, storeIn } from "./store.js";

const TOKEN = "token";
let credential: { readonly id: string; readonly bearer: PersonCredential } | null = null;

/** What to send to `server`; "" when nobody is signed in there. The same object for as long as it is the same person. */
export async function loadBearer(server: string): Promise<Bearer> {
  const { [TOKEN]: token, [PERSON]: person } = (await chrome.storage.session.get([TOKEN, PERSON])) as {
    [TOKEN]?: string;
    [PERSON]?: Person | null;
  };
  if (!person || person.server !== server) return token ?? "";
  if (credential?.id !== person.id) credential = { id: person.id, bearer: credentialOf(person) };
  return credential.bearer;
}

/** A person takes a key's place, and a key a person's. */
export async function saveKey(key: string): Promise<void> {
  await chrome.storage.session.set({ [TOKEN]: key, [PERSON]: null });
}

export async function savePerson(person: Person): Promise<void> {
  await chrome.storage.session.set({ [TOKEN]: "", [PERSON]: person });
}

export async function signOut(): Promise<void> {
  await chrome.storage.session.set({ [TOKEN]: "", [PERSON]: null });
}

/** Whether somebody else is signed in now, or nobody; a renewed token is no change. */
export function isAnother(changes: Readonly<Record<string, chrome.storage.StorageChange>>): boolean {
  const { [PERSON]: person } = changes;
  const idOf = (value: unknown): string | undefined => (value as Person | null | undefined)?.id;
  return TOKEN in changes || (person !== undefined && idOf(person.oldValue) !== idOf(person.newValue));
}

function credentialOf(person: Person): PersonCredential {
  const fetchImpl = (input: string, init?: RequestInit): Promise<Response> => fetch(input, init);
  return new PersonCredential(person.id, { session: storeIn(chrome.storage.session), exclusive, fetch: fetchImpl, now: Date.now });
}
