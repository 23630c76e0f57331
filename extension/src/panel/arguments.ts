import type { Money } from "../api/model.js";
import { fractionDigits, type L10n } from "./l10n/index.js";
import { isMoney } from "./money.js";
import { humanise } from "./text.js";

/** One argument of a tool call as a text field; `with` gives the field holding another text. */
export interface Field {
  readonly name: string;
  readonly label: string;
  readonly text: string;
  readonly problem: string | null;
  readonly value: unknown;
  with(text: string): Field;
}

interface Codec {
  readonly show: (value: unknown) => string;
  /** Throws an Error fit to show when `text` is not a value of this kind. */
  readonly read: (text: string) => unknown;
  readonly label: (label: string) => string;
}

export function fieldsOf(args: Record<string, unknown>, l10n: L10n): Field[] {
  return Object.entries(args).map(([name, value]) => {
    const codec = codecFor(value, l10n);
    return makeField(name, codec.label(humanise(name)), codec.show(value), value, codec);
  });
}

export function argumentsFrom(fields: readonly Field[]): Record<string, unknown> {
  return Object.fromEntries(fields.map((field) => [field.name, field.value]));
}

function makeField(name: string, label: string, text: string, value: unknown, codec: Codec): Field {
  const change = (next: string): Field => {
    try {
      return makeField(name, label, next, codec.read(next), codec);
    } catch (error) {
      return { ...makeField(name, label, next, value, codec), problem: (error as Error).message };
    }
  };
  return { name, label, text, value, problem: null, with: change };
}

function codecFor(value: unknown, l10n: L10n): Codec {
  if (typeof value === "string") return TEXT;
  if (typeof value === "number") return numberCodec(l10n);
  if (isMoney(value)) return moneyCodec(value.currency, l10n);
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return listCodec(l10n);
  return jsonCodec(l10n);
}

const TEXT: Codec = { show: String, read: (text) => text, label: (label) => label };

function numberCodec({ t }: L10n): Codec {
  return {
    show: String,
    read: (text) => {
      const value = Number(text);
      if (!text.trim() || !Number.isFinite(value)) throw new Error(t.action.enterNumber);
      return value;
    },
    label: (label) => label,
  };
}

function listCodec({ t }: L10n): Codec {
  return {
    show: (value) => (value as string[]).join(", "),
    read: (text) => text.split(",").map((item) => item.trim()).filter(Boolean),
    label: (label) => `${label} (${t.action.commaBetween})`,
  };
}

function jsonCodec({ t }: L10n): Codec {
  return {
    show: (value) => JSON.stringify(value),
    read: (text) => {
      try {
        return JSON.parse(text) as unknown;
      } catch {
        throw new Error(t.action.enterJson);
      }
    },
    label: (label) => label,
  };
}

/** Major units in the field, integer minor units in the value: no float ever holds money. */
function moneyCodec(currency: string, { t }: L10n): Codec {
  const digits = fractionDigits(currency);
  const show = (minor: number): string => {
    const padded = String(Math.abs(minor)).padStart(digits + 1, "0");
    const whole = `${minor < 0 ? "-" : ""}${padded.slice(0, padded.length - digits)}`;
    return digits ? `${whole}.${padded.slice(-digits)}` : whole;
  };
  return {
    show: (value) => show((value as Money).minor),
    read: (text) => {
      // A comma is how much of the world writes the point; thousands are not marked.
      const [whole = "", fraction = "", ...rest] = text.trim().split(/[.,]/);
      const valid = /^\d{1,9}$/.test(whole) && /^\d*$/.test(fraction) && fraction.length <= digits && !rest.length;
      if (!valid) throw new Error(t.action.enterAmount(show(2450)));
      return { minor: Number(whole + fraction.padEnd(digits, "0")), currency };
    },
    label: (label) => `${label} (${currency})`,
  };
}
