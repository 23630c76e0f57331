import { SignInError, type Identity } from "./identity.js";

type Query = Record<string, string>;

/** For tests: a window in which somebody does at once what the test says, with the address's query in hand. */
export class FakeIdentity implements Identity {
  readonly opened: URL[] = [];
  /** What the provider sends back; a SignInError is what the browser says of the window. */
  answer: (asked: Query) => Query | SignInError = ({ state }) => ({ code: "code-1", state: state! });

  /** The address that came back, without its query. */
  back = this.redirectUrl();

  redirectUrl(): string {
    return "https://copilot.chromiumapp.org/";
  }

  async open(address: string): Promise<string> {
    const url = new URL(address);
    this.opened.push(url);
    const back = this.answer(Object.fromEntries(url.searchParams));
    if (back instanceof SignInError) throw back;
    return `${this.back}?${new URLSearchParams(back)}`;
  }

  get asked(): Query {
    return Object.fromEntries(this.opened.at(-1)!.searchParams);
  }
}
