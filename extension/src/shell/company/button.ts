/** The options page's button for the company's account: there when the server offers it. */
import type { CompanySignIn } from "../../api/model.js";
import { hostPattern } from "../settings.js";
import type { CompanySignInAsked, CompanySignInDone } from "./background.js";
import { offerOf } from "./offer.js";

const NOT_ALLOWED = "Without this permission the browser cannot fetch your sign-in. Nothing was changed.";

interface Places {
  readonly button: HTMLButtonElement;
  readonly away: HTMLElement;
}

export class CompanyButton {
  private offered: { readonly server: string; readonly offer: CompanySignIn } | null = null;
  private asked = 0;

  /** `onProblem` is told why nobody was signed in; null: somebody was. */
  constructor(
    private readonly at: Places,
    private readonly onWaiting: () => void,
    private readonly onProblem: (problem: string | null) => void,
  ) {
    at.button.addEventListener("click", () => void this.press());
  }

  /** Asks `server` what it offers; null: there is no whole address yet. */
  async show(server: string | null): Promise<void> {
    const asked = (this.asked += 1);
    this.put(null, false);
    const found = server === null ? null : await offerOf(server, (input, init) => fetch(input, init));
    if (server === null || asked !== this.asked) return;
    this.put(found && found !== "away" ? { server, offer: found } : null, found === "away");
  }

  private put(offered: typeof this.offered, away: boolean): void {
    this.offered = offered;
    this.at.button.hidden = offered === null;
    this.at.away.hidden = !away;
  }

  private async press(): Promise<void> {
    if (!this.offered) return;
    const { server, offer } = this.offered;
    // Asked before anything is awaited: the browser takes it only straight from the click.
    const granted = chrome.permissions.request({ origins: [hostPattern(server), hostPattern(offer.token_endpoint)] });
    this.at.button.disabled = true;
    this.onWaiting();
    try {
      if (!(await granted)) return this.onProblem(NOT_ALLOWED);
      const asking: CompanySignInAsked = { kind: "company-sign-in", server, offer };
      this.onProblem(((await chrome.runtime.sendMessage(asking)) as CompanySignInDone).problem);
    } catch (error) {
      this.onProblem((error as Error).message);
    } finally {
      this.at.button.disabled = false;
    }
  }
}
