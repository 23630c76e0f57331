import type { SiteConfig } from "./sites/adapter.js";

/** Kept on disk: nothing secret. */
export interface Settings {
  readonly serverUrl: string;
  /** The representative's own sites, by origin. */
  readonly sites: Readonly<Record<string, SiteConfig>>;
  /** Origins where the copilot was switched off. */
  readonly off: readonly string[];
}

const DEFAULTS: Settings = { serverUrl: "http://127.0.0.1:8000", sites: {}, off: [] };

/** Content scripts see neither the key nor the settings: only the extension's own pages may read its storage. */
export async function lockStorage(): Promise<void> {
  for (const area of [chrome.storage.session, chrome.storage.local]) {
    // Firefox has no such call: there, content scripts never see `storage.session`.
    await area.setAccessLevel?.({ accessLevel: "TRUSTED_CONTEXTS" });
  }
}

export async function loadSettings(): Promise<Settings> {
  const stored = await chrome.storage.local.get(["serverUrl", "sites", "off"]);
  return { ...DEFAULTS, ...(stored as Partial<Settings>) };
}

export async function saveSettings(settings: Partial<Settings>): Promise<void> {
  await chrome.storage.local.set(settings);
}

export async function setOff(origin: string, off: boolean): Promise<void> {
  const others = (await loadSettings()).off.filter((each) => each !== origin);
  await saveSettings({ off: off ? [...others, origin] : others });
}

export async function setSite(origin: string, site: SiteConfig | null): Promise<void> {
  const { [origin]: _old, ...others } = (await loadSettings()).sites;
  await saveSettings({ sites: site ? { ...others, [origin]: site } : others });
}

/** What `permissions` calls a page's host; match patterns know no ports. */
export function hostPattern(origin: string): string {
  const { protocol, hostname } = new URL(origin);
  return `${protocol}//${hostname}/*`;
}

/** Whether what is sent there, others cannot read: by https, or on this machine. */
export function isSecure({ protocol, hostname }: URL): boolean {
  return protocol === "https:" || (protocol === "http:" && ["127.0.0.1", "localhost", "[::1]"].includes(hostname));
}

/** An http(s) address without path or slash; throws an Error fit to show. */
export function normaliseServerUrl(text: string): string {
  let url: URL;
  try {
    url = new URL(text.trim());
  } catch {
    throw new Error("Enter a whole address, such as https://copilot.example.");
  }
  if (!isSecure(url)) {
    throw new Error("The address must begin with https:// (http:// only for this machine).");
  }
  return url.origin;
}
