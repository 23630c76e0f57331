import type { Money } from "../api/model.js";

export function isMoney(value: unknown): value is Money {
  if (typeof value !== "object" || value === null || !("minor" in value && "currency" in value)) return false;
  return typeof value.minor === "number" && /^[A-Z]{3}$/.test(String(value.currency));
}
