import type { Branding } from "../api/model.js";
import { brandProperties } from "./branding.js";
import { chooseLanguage, isTimeZone, L10n, loadMessages } from "./l10n/index.js";
import type { Preferences } from "./preferences.js";

/** What the host asks for; "" where it leaves it to the browser. */
export interface HostLook {
  readonly lang: string;
  readonly timeZone: string;
}

/** The texts and formats for a representative: what they chose, else what the host says, else the browser's. */
export async function l10nFor(preferences: Preferences, host: HostLook): Promise<L10n> {
  const wanted = [preferences.language, host.lang, ...navigator.languages].filter((tag) => !!tag) as string[];
  // A chosen language keeps the browser's region, when that is of the same language: en-GB stays en-GB.
  const regional = wanted.flatMap((tag) => [navigator.languages.find((own) => own.startsWith(`${tag}-`)) ?? tag]);
  const { language, tag } = chooseLanguage(regional);
  const zone = [preferences.timeZone, host.timeZone].find((name) => name && isTimeZone(name));
  return new L10n(tag, await loadMessages(language), zone ?? undefined);
}

/** Dresses `host` in the tenant's colours; through the object model, which a page's CSP lets through. */
export function dress(host: HTMLElement, branding: Branding | null, before: Branding | null): void {
  for (const name of Object.keys(brandProperties(before))) host.style.removeProperty(name);
  for (const [name, value] of Object.entries(brandProperties(branding))) host.style.setProperty(name, value);
}
