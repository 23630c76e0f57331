/** Signs people in where no page can look on, and where closing a tab breaks nothing off. */
import { CopilotClient } from "../../api/client.js";
import type { CompanySignIn } from "../../api/model.js";
import { checkServer } from "../check-server.js";
import { saveSettings } from "../settings.js";
import { savePerson } from "../signed-in.js";
import { browserIdentity, SignInError } from "./identity.js";
import type { Person } from "./person.js";
import { signIn, type Surroundings } from "./sign-in.js";

/** From the options page: sign somebody in at `offer`, for `server`. */
export interface CompanySignInAsked {
  readonly kind: "company-sign-in";
  readonly server: string;
  readonly offer: CompanySignIn;
}

/** `problem` is fit to show; null: somebody is signed in. */
export interface CompanySignInDone {
  readonly problem: string | null;
}

export interface Desk extends Surroundings {
  readonly keep: (person: Person) => Promise<void>;
}

/** Who has no role on the server is told so, and is not kept: what was there before stays. */
export async function take({ server, offer }: CompanySignInAsked, desk: Desk): Promise<CompanySignInDone> {
  try {
    const person = await signIn(server, offer, desk);
    const client = new CopilotClient({ baseUrl: server, token: person.accessToken }, desk.fetch);
    const { ok, again, message } = await checkServer(client, "account");
    if (!ok && !again) return { problem: message };
    await desk.keep(person);
    return { problem: null };
  } catch (error) {
    return { problem: error instanceof SignInError ? error.message : "Signing in did not work. Try again." };
  }
}

export function listen(): void {
  const desk: Desk = {
    identity: browserIdentity,
    fetch: (input, init) => fetch(input, init),
    now: Date.now,
    keep: async (person) => {
      await savePerson(person);
      await saveSettings({ serverUrl: person.server });
    },
  };
  chrome.runtime.onMessage.addListener((message: CompanySignInAsked, sender, answer: (done: CompanySignInDone) => void) => {
    if (message?.kind !== "company-sign-in" || !isOwnPage(sender)) return false;
    void take(message, desk).then(answer);
    return true; // The answer comes later.
  });
}

/** Content scripts can send messages too, from within whatever page they are in. */
function isOwnPage(sender: chrome.runtime.MessageSender): boolean {
  return sender.id === chrome.runtime.id && (sender.url ?? "").startsWith(chrome.runtime.getURL(""));
}
