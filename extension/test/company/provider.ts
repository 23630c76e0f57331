import type { CompanySignIn } from "../../src/api/model.js";
import { challengeOf } from "../../src/shell/company/pkce.js";
import { FakeIdentity } from "../../src/shell/company/fake-identity.js";
import type { Exclusive, Store } from "../../src/shell/store.js";

export const SERVER = "https://copilot.example";
export const OFFER: CompanySignIn = {
  issuer: "https://id.example/realms/desk",
  authorization_endpoint: "https://id.example/realms/desk/authorize?realm=desk",
  token_endpoint: "https://id.example/realms/desk/token",
  client_id: "copilot-extension",
  scopes: ["openid", "offline_access"],
};

/** The company's provider and the copilot's server, as far as the extension asks either. */
export class World {
  readonly identity = new FakeIdentity();
  time = 1_700_000_000_000;
  /** Over what the ID token says of itself. */
  claims: Record<string, unknown> = {};
  givesRefreshTokens = true;
  lastsSeconds = 300;
  /** The token endpoint: taken, refused, in trouble, or not reached at all. */
  provider: "up" | "refuses" | "in trouble" | "gone" = "up";
  /** Access tokens that the server takes; null: every one of ours. */
  accepted: Set<string> | null = null;
  server: () => Response = () => Response.json({ items: [] });
  readonly grants: Record<string, string>[] = [];
  readonly bearers: string[] = [];
  private issued = 0;

  readonly fetch = async (input: string, init: RequestInit = {}): Promise<Response> => {
    if (input === OFFER.token_endpoint) return this.token(Object.fromEntries(init.body as URLSearchParams));
    const bearer = new Headers(init.headers).get("Authorization")!.replace("Bearer ", "");
    this.bearers.push(bearer);
    if (this.accepted && !this.accepted.has(bearer)) return Response.json({ title: "The token has expired" }, { status: 401 });
    return this.server();
  };

  readonly now = (): number => this.time;

  private async token(grant: Record<string, string>): Promise<Response> {
    this.grants.push(grant);
    if (this.provider === "gone") throw new TypeError("Failed to fetch");
    if (this.provider === "in trouble") return new Response("", { status: 503 });
    const good = grant["grant_type"] === "refresh_token" ? grant["refresh_token"] === `refresh-${this.issued}` : await this.proven(grant);
    if (this.provider === "refuses" || !good) return Response.json({ error: "invalid_grant" }, { status: 400 });
    this.issued += 1;
    return Response.json({
      access_token: `access-${this.issued}`,
      expires_in: this.lastsSeconds,
      id_token: idToken({ iss: OFFER.issuer, aud: OFFER.client_id, nonce: this.identity.asked["nonce"], name: "Ana Ruíz", ...this.claims }),
      ...(this.givesRefreshTokens ? { refresh_token: `refresh-${this.issued}` } : {}),
    });
  }

  private async proven(grant: Record<string, string>): Promise<boolean> {
    const { redirect_uri, code_challenge } = this.identity.asked;
    const proof = await challengeOf(grant["code_verifier"] ?? "");
    return grant["code"] === "code-1" && grant["redirect_uri"] === redirect_uri && proof === code_challenge;
  }
}

export function memoryStore(): Store {
  const items = new Map<string, unknown>();
  return {
    get: <T>(key: string) => Promise.resolve(structuredClone(items.get(key)) as T | undefined),
    set: (added) => Promise.resolve(Object.entries(added).forEach(([key, value]) => items.set(key, structuredClone(value)))),
  };
}

/** One after another under a name, as Web Locks do it. */
export function locks(): Exclusive {
  const ends = new Map<string, Promise<unknown>>();
  return (name, work) => {
    const result = (ends.get(name) ?? Promise.resolve()).then(work);
    ends.set(name, result.catch(() => undefined));
    return result;
  };
}

function idToken(claims: Record<string, unknown>): string {
  const part = (value: unknown): string =>
    btoa(String.fromCharCode(...new TextEncoder().encode(JSON.stringify(value)))).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  return `${part({ alg: "RS256" })}.${part(claims)}.signature`;
}
