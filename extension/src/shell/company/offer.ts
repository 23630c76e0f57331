import type { CompanySignIn, SignInWays } from "../../api/model.js";
import type { Fetch } from "./provider.js";

const TIMEOUT_MS = 10_000;

/** How `server` lets people sign in besides by key; null when in no other way, or it cannot be asked. */
export async function offerOf(server: string, fetchImpl: Fetch): Promise<CompanySignIn | "away" | null> {
  try {
    const response = await fetchImpl(`${server}/v1/sign-in`, {
      headers: { Accept: "application/json" },
      credentials: "omit",
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (response.status === 503) return "away";
    return response.ok ? (((await response.json()) as SignInWays).company ?? null) : null;
  } catch {
    return null; // Whoever signs in with a key hears what is the matter with the server.
  }
}
