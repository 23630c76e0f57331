import type { CompanySignIn } from "../../api/model.js";
import { SignInError, type Identity } from "./identity.js";
import { challengeOf, randomText } from "./pkce.js";
import type { Person } from "./person.js";
import { checkIdToken, fetchTokens, trusted, type Fetch } from "./provider.js";

export interface Surroundings {
  readonly identity: Identity;
  readonly fetch: Fetch;
  readonly now: () => number;
}

/** Signs somebody in at the provider by code with PKCE. Throws SignInError; then nothing was changed. */
export async function signIn(server: string, offered: CompanySignIn, { identity, fetch, now }: Surroundings): Promise<Person> {
  const offer = trusted(offered);
  const [verifier, state, nonce] = [randomText(), randomText(), randomText()];
  const redirect = identity.redirectUrl();
  const address = new URL(offer.authorization_endpoint);
  const asked = {
    response_type: "code",
    client_id: offer.client_id,
    redirect_uri: redirect,
    scope: offer.scopes.join(" "),
    state,
    nonce,
    code_challenge: await challengeOf(verifier),
    code_challenge_method: "S256",
  };
  for (const [name, value] of Object.entries(asked)) address.searchParams.set(name, value);
  const code = codeIn(await identity.open(address.href), redirect, state, offer.issuer);
  const grant = { grant_type: "authorization_code", code, redirect_uri: redirect, code_verifier: verifier };
  const { idToken, ...tokens } = await fetchTokens(offer, grant, fetch, now());
  checkIdToken(idToken, offer, nonce);
  return { id: randomText(), server, offer, ...tokens };
}

function codeIn(back: string, redirect: string, state: string, issuer: string): string {
  const said = new URL(back).searchParams;
  if (!back.startsWith(redirect) || said.get("state") !== state) {
    throw new SignInError("This answer was not asked for here. Begin the sign-in again.");
  }
  if ((said.get("iss") ?? issuer) !== issuer) throw new SignInError("Another provider has answered. Begin the sign-in again.");
  const code = said.get("code");
  if (said.has("error") || !code) throw new SignInError("The provider did not sign you in. Try again, or ask who runs it.");
  return code;
}
