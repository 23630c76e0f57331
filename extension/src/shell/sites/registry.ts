import type { SiteConfig } from "./adapter.js";
import { chatwoot } from "./chatwoot.js";
import { freshdesk } from "./freshdesk.js";
import { gmail } from "./gmail.js";
import { hubspot } from "./hubspot.js";
import { intercom } from "./intercom.js";
import { salesforce } from "./salesforce.js";
import { zendesk } from "./zendesk.js";

export const SITES: readonly SiteConfig[] = [zendesk, salesforce, freshdesk, hubspot, intercom, chatwoot, gmail];

/** How to read the page at `url`: as the representative picked it, else as one of the help desks we know. */
export function siteFor(url: URL, own: Readonly<Record<string, SiteConfig>>): SiteConfig | null {
  return own[url.origin] ?? SITES.find((site) => site.match.some((pattern) => matches(pattern, url.hostname))) ?? null;
}

function matches(pattern: string, host: string): boolean {
  if (pattern.startsWith("*.")) return host.endsWith(pattern.slice(1));
  if (pattern.endsWith(".*")) return host.startsWith(pattern.slice(0, -1));
  return host === pattern;
}
