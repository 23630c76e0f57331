import type { CompanySignIn } from "../../api/model.js";
import { isSecure } from "../settings.js";
import { SignInError } from "./identity.js";

/** What a provider hands out. Times are milliseconds since 1970. */
export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly idToken: string;
  readonly expiresAt: number;
}

export type Fetch = (input: string, init?: RequestInit) => Promise<Response>;

/** The provider does not answer: it has refused nobody. */
export class ProviderAway extends SignInError {
  constructor() {
    super("The company's identity provider does not answer. Try again later.");
  }
}

/** The provider has refused what it was shown. */
export class ProviderRefused extends SignInError {}

const TIMEOUT_MS = 10_000;
/** Assumed where a provider does not say how long a token lasts. */
const LASTS_SECONDS = 300;

/** The offer, when nothing of it leads away from the issuer. Throws SignInError. */
export function trusted(offer: CompanySignIn): CompanySignIn {
  const addresses = [offer.issuer, offer.authorization_endpoint, offer.token_endpoint];
  const parsed = addresses.flatMap((address) => (URL.canParse(address) ? [new URL(address)] : []));
  if (parsed.length < addresses.length || !parsed.every(isSecure) || new Set(parsed.map(({ origin }) => origin)).size !== 1) {
    throw new SignInError("The server names a sign-in page that is not safe. Nothing was sent there.");
  }
  return offer;
}

/** Asks the token endpoint (RFC 6749). Throws ProviderAway, ProviderRefused. */
export async function fetchTokens(offer: CompanySignIn, grant: Readonly<Record<string, string>>, fetchImpl: Fetch, now: number): Promise<Tokens> {
  const response = await fetchImpl(offer.token_endpoint, {
    method: "POST",
    headers: { Accept: "application/json" },
    body: new URLSearchParams({ ...grant, client_id: offer.client_id }),
    credentials: "omit",
    redirect: "error",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch(() => {
    throw new ProviderAway();
  });
  if (response.status >= 500 || response.status === 429) throw new ProviderAway();
  const said: unknown = await response.json().catch(() => null);
  const { access_token, refresh_token, id_token, expires_in } = (said ?? {}) as Record<string, unknown>;
  if (!response.ok || typeof access_token !== "string" || !access_token) {
    throw new ProviderRefused("The provider did not take its own code. Begin the sign-in again.");
  }
  const seconds = Number(expires_in ?? LASTS_SECONDS);
  return {
    accessToken: access_token,
    refreshToken: typeof refresh_token === "string" ? refresh_token : "",
    idToken: typeof id_token === "string" ? id_token : "",
    expiresAt: now + (Number.isFinite(seconds) ? seconds : LASTS_SECONDS) * 1000,
  };
}

/**
 * Holds the ID token to this very sign-in: issuer, audience, party and nonce. Throws SignInError.
 *
 * It came from the token endpoint itself, so its signature need not be looked at (OpenID Connect Core 3.1.3.7);
 * the server looks at that of the access token.
 */
export function checkIdToken(idToken: string, offer: CompanySignIn, nonce: string): void {
  const said = claimsOf(idToken);
  const audiences = Array.isArray(said["aud"]) ? said["aud"] : [said["aud"]];
  const party = said["azp"] ?? (audiences.length === 1 ? offer.client_id : undefined);
  const ours = said["iss"] === offer.issuer && audiences.includes(offer.client_id) && party === offer.client_id;
  if (!ours || said["nonce"] !== nonce) throw new SignInError("The provider's answer is not of this sign-in. Begin it again.");
}

function claimsOf(token: string): Record<string, unknown> {
  try {
    const bytes = Uint8Array.from(atob(token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    return (JSON.parse(new TextDecoder().decode(bytes)) ?? {}) as Record<string, unknown>;
  } catch {
    return {};
  }
}
