import { ApiError } from "../../api/client.js";
import type { Credential } from "../../api/credential.js";
import type { CompanySignIn } from "../../api/model.js";
import type { Exclusive, Store } from "../store.js";
import { fetchTokens, ProviderAway, ProviderRefused, type Fetch } from "./provider.js";

/** Somebody who is signed in at the company's provider; kept in memory until the browser closes. */
export interface Person {
  /** Of this sign-in: the same after a renewal. */
  readonly id: string;
  /** The only server that is shown the token. */
  readonly server: string;
  readonly offer: CompanySignIn;
  readonly accessToken: string;
  /** Empty where the provider gives none. */
  readonly refreshToken: string;
  readonly expiresAt: number;
}

export interface Keeping {
  readonly session: Store;
  readonly exclusive: Exclusive;
  readonly fetch: Fetch;
  readonly now: () => number;
}

/** Where the person is kept. */
export const PERSON = "person";
export const ENDED = "sign_in_ended";
const SOON_MS = 60_000;

/** A person's access token, renewed shortly before it expires, and when the server refuses it. */
export class PersonCredential implements Credential {
  private renewing: Promise<unknown> | null = null;

  constructor(
    private readonly id: string,
    private readonly keeping: Keeping,
  ) {}

  async token(): Promise<string> {
    const { accessToken, expiresAt } = await this.person();
    const left = expiresAt - this.keeping.now();
    if (left <= 0) return this.renewed(accessToken);
    // Nobody waits for it, nor hears of it, while the old one is good.
    if (left <= SOON_MS) this.renewing ??= this.renewed(accessToken).catch(() => undefined).finally(() => (this.renewing = null));
    return accessToken;
  }

  async instead(refused: string): Promise<string | null> {
    const { accessToken, refreshToken } = await this.person();
    if (accessToken !== refused) return accessToken; // Another window has renewed it.
    if (!refreshToken) return null;
    const other = await this.renewed(refused);
    return other === refused ? null : other; // The provider is away: the server's word stands.
  }

  /** One window at a time: a refresh token may be good only once. */
  private renewed(old: string): Promise<string> {
    return this.keeping.exclusive("sign-in", async () => {
      const person = await this.person();
      if (person.accessToken !== old) return person.accessToken;
      const lasts = person.expiresAt > this.keeping.now();
      if (!person.refreshToken) return lasts ? old : this.end();
      const grant = { grant_type: "refresh_token", refresh_token: person.refreshToken };
      try {
        const { idToken: _, ...tokens } = await fetchTokens(person.offer, grant, this.keeping.fetch, this.keeping.now());
        await this.keep({ ...person, ...tokens, refreshToken: tokens.refreshToken || person.refreshToken });
        return tokens.accessToken;
      } catch (error) {
        if (error instanceof ProviderRefused) return this.end();
        if (!(error instanceof ProviderAway)) throw error;
        if (lasts) return old;
        throw new ApiError({ title: error.message, status: 503, code: "unavailable" });
      }
    });
  }

  private async person(): Promise<Person> {
    const person = await this.keeping.session.get<Person | null>(PERSON);
    if (person?.id !== this.id) throw ended();
    return person;
  }

  /** Not when somebody has signed out, or in anew, while the provider was asked. */
  private async keep(person: Person | null): Promise<void> {
    await this.person();
    await this.keeping.session.set({ [PERSON]: person });
  }

  private async end(): Promise<never> {
    await this.keep(null);
    throw ended();
  }
}

function ended(): ApiError {
  return new ApiError({ title: "Your sign-in has ended. Sign in again.", status: 401, code: ENDED });
}
