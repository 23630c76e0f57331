import type { Money } from "../api/model.js";
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

export function fieldsOf(args: Record<string, unknown>): Field[] {
  return Object.entries(args).map(([name, value]) => {
    const codec = codecFor(value);
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

function codecFor(value: unknown): Codec {
  if (typeof value === "string") return TEXT;
  if (typeof value === "number") return NUMBER;
  if (isMoney(value)) return moneyCodec(value.currency);
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return LIST;
  return JSON_VALUE;
}

export function isMoney(value: unknown): value is Money {
  if (typeof value !== "object" || value === null || !("minor" in value && "currency" in value)) return false;
  return typeof value.minor === "number" && /^[A-Z]{3}$/.test(String(value.currency));
}

const TEXT: Codec = { show: String, read: (text) => text, label: (label) => label };

const NUMBER: Codec = {
  show: String,
  read: (text) => {
    const value = Number(text);
    if (!text.trim() || !Number.isFinite(value)) throw new Error("Enter a number.");
    return value;
  },
  label: (label) => label,
};

const LIST: Codec = {
  show: (value) => (value as string[]).join(", "),
  read: (text) => text.split(",").map((item) => item.trim()).filter(Boolean),
  label: (label) => `${label} (comma between)`,
};

const JSON_VALUE: Codec = {
  show: (value) => JSON.stringify(value),
  read: (text) => {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      throw new Error("This must be valid JSON.");
    }
  },
  label: (label) => label,
};

/** Major units in the field, integer minor units in the value: no float ever holds money. */
function moneyCodec(currency: string): Codec {
  return {
    show: (value) => {
      const { minor } = value as Money;
      return `${Math.trunc(minor / 100)}.${String(Math.abs(minor) % 100).padStart(2, "0")}`;
    },
    read: (text) => {
      const match = /^(\d{1,9})(?:\.(\d{1,2}))?$/.exec(text.trim());
      if (!match) throw new Error("Enter an amount such as 24.50.");
      return { minor: Number(match[1]) * 100 + Number((match[2] ?? "").padEnd(2, "0")), currency };
    },
    label: (label) => `${label} (${currency})`,
  };
}
