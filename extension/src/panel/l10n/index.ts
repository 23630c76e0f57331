import type { Money } from "../../api/model.js";
import { en, type Messages } from "./en.js";

export type { Messages } from "./en.js";

/** The languages that the panel's own texts exist in; all but English are fetched when they are wanted. */
export const LANGUAGES = { en: "English", de: "Deutsch", es: "Español" } as const;

export type Language = keyof typeof LANGUAGES;

const LOADERS: Record<Exclude<Language, "en">, () => Promise<Messages>> = {
  de: async () => (await import("./de.js")).de,
  es: async () => (await import("./es.js")).es,
};

export async function loadMessages(language: Language): Promise<Messages> {
  return language === "en" ? en : LOADERS[language]();
}

/** The first of `wanted` (BCP 47 tags) that there are texts in; English when none is. */
export function chooseLanguage(wanted: readonly string[]): { readonly language: Language; readonly tag: string } {
  for (const tag of wanted) {
    const language = tag.slice(0, 2).toLowerCase();
    if (isTag(tag) && language in LANGUAGES) return { language: language as Language, tag };
  }
  return { language: "en", tag: "en-US" };
}

function isTag(tag: string): boolean {
  try {
    return Intl.getCanonicalLocales(tag).length === 1;
  } catch {
    return false;
  }
}

/** Texts and formats of one representative: their language and their time zone. Formatters are made once. */
export class L10n {
  private readonly moneys = new Map<string, Intl.NumberFormat>();
  private readonly dates = new Map<string, Intl.DateTimeFormat>();
  private readonly percents: Intl.NumberFormat;

  constructor(
    readonly tag: string,
    readonly t: Messages,
    /** IANA name; undefined: the browser's. */
    readonly timeZone?: string,
  ) {
    this.percents = new Intl.NumberFormat(tag, { style: "percent", maximumFractionDigits: 0 });
  }

  money(money: Money): string {
    const format = this.moneyFormat(money.currency);
    return format.format(money.minor / 10 ** digitsOf(format));
  }

  percent(share: number): string {
    return this.percents.format(share);
  }

  /** The day of an ISO date or instant, e.g. "Nov 3" within `now`'s year, else "Nov 3, 2025". */
  day(iso: string, now = new Date()): string {
    const date = new Date(iso);
    if (Number.isNaN(date.getTime())) return iso;
    const zone = iso.length === 10 ? "UTC" : this.timeZone; // A day alone is the same day everywhere.
    const year = date.getFullYear() === now.getFullYear() ? {} : ({ year: "numeric" } as const);
    return this.date({ month: "short", day: "numeric", ...year }, zone).format(date);
  }

  /** A time of day; with its day when that is not `now`'s. */
  time(iso: string, now = new Date()): string {
    const date = new Date(iso);
    if (Number.isNaN(date.getTime())) return iso;
    const dayOf = (instant: Date): string => this.date({ dateStyle: "short" }, this.timeZone).format(instant);
    const day = dayOf(date) === dayOf(now) ? {} : ({ month: "short", day: "numeric" } as const);
    return this.date({ hour: "numeric", minute: "2-digit", ...day }, this.timeZone).format(date);
  }

  private moneyFormat(currency: string): Intl.NumberFormat {
    const known = this.moneys.get(currency);
    if (known) return known;
    const made = new Intl.NumberFormat(this.tag, { style: "currency", currency });
    this.moneys.set(currency, made);
    return made;
  }

  private date(options: Intl.DateTimeFormatOptions, timeZone: string | undefined): Intl.DateTimeFormat {
    const key = JSON.stringify([options, timeZone]);
    const known = this.dates.get(key);
    if (known) return known;
    const made = new Intl.DateTimeFormat(this.tag, timeZone ? { ...options, timeZone } : options);
    this.dates.set(key, made);
    return made;
  }
}

/** How many digits of an amount in minor units are fraction: 2 for USD, 0 for JPY. */
export function fractionDigits(currency: string): number {
  return digitsOf(new Intl.NumberFormat("en", { style: "currency", currency }));
}

function digitsOf(format: Intl.NumberFormat): number {
  return format.resolvedOptions().maximumFractionDigits ?? 2;
}

export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

export const ENGLISH = new L10n("en-US", en);
