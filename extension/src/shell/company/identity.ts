/** The browser's window for signing in elsewhere. */
export interface Identity {
  /** Where the provider sends people back to: an address of this extension that no page can have. */
  redirectUrl(): string;
  /** Shows `address` and resolves with the address that came back. Throws SignInError. */
  open(address: string): Promise<string>;
}

/** Nobody was signed in; the message is fit to show. */
export class SignInError extends Error {
  override readonly name = "SignInError";
}

export const CLOSED = "The window was closed. Nothing was changed.";
export const PAGE_AWAY = "The company's sign-in page cannot be reached. Try again later.";

export const browserIdentity: Identity = {
  redirectUrl: () => chrome.identity.getRedirectURL(),
  open: async (address) => {
    let back: string | undefined;
    try {
      back = await chrome.identity.launchWebAuthFlow({ url: address, interactive: true });
    } catch (error) {
      throw new SignInError(explain(error instanceof Error ? error.message : ""));
    }
    if (!back) throw new SignInError(CLOSED);
    return back;
  },
};

/** Browsers tell by words alone what happened. */
export function explain(words: string): string {
  if (/did not approve|cancell?ed/i.test(words)) return CLOSED;
  if (/could not be loaded/i.test(words)) return PAGE_AWAY;
  return "The browser could not show the company's sign-in page. Try again.";
}
