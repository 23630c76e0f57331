import type { SiteConfig } from "./sites/adapter.js";

/** Kept on disk: nothing secret. */
export interface Settings {
  readonly serverUrl: string;
  /** How to read a page, by its origin. */
  readonly sites: Readonly<Record<string, SiteConfig>>;
}

const DEFAULTS: Settings = { serverUrl: "http://127.0.0.1:8000", sites: {} };

export async function loadSettings(): Promise<Settings> {
  const stored = await chrome.storage.local.get(["serverUrl", "sites"]);
  return { ...DEFAULTS, ...(stored as Partial<Settings>) };
}

export async function saveSettings(settings: Partial<Settings>): Promise<void> {
  await chrome.storage.local.set(settings);
}

/** The key lives in memory until the browser closes, out of reach of content scripts and of the disk. */
export async function loadToken(): Promise<string> {
  const { token } = await chrome.storage.session.get("token");
  return typeof token === "string" ? token : "";
}

export async function saveToken(token: string): Promise<void> {
  await chrome.storage.session.set({ token });
}

/** An http(s) address without path or slash; throws an Error fit to show. */
export function normaliseServerUrl(text: string): string {
  let url: URL;
  try {
    url = new URL(text.trim());
  } catch {
    throw new Error("Enter a whole address, such as https://copilot.example.");
  }
  const local = ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && local)) {
    throw new Error("The address must begin with https:// (http:// only for this machine).");
  }
  return url.origin;
}
