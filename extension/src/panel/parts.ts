import { html, nothing, svg, type TemplateResult } from "lit";
import type { L10n } from "./l10n/index.js";

/** Stroke icons on a 16 × 16 grid. */
const ICONS = {
  reply: svg`<path d="M2.5 3.5h11v7.5H7l-3 2.5V11H2.5z"/>`,
  next: svg`<circle cx="8" cy="8" r="5.7"/><path d="M7 5.5 9.5 8 7 10.5"/>`,
  book: svg`<path d="M8 4C6.5 3 4.5 2.8 2.5 3v9.5c2-.2 4 0 5.5 1 1.5-1 3.5-1.2 5.5-1V3c-2-.2-4 0-5.5 1zM8 4v9.5"/>`,
  parcel: svg`<path d="M8 2 13.5 4.8v6.4L8 14l-5.5-2.8V4.8zM2.5 4.8 8 7.5l5.5-2.7M8 7.5V14"/>`,
  note: svg`<path d="M4 2.5h8v11H4zM6 5.5h4M6 8h4M6 10.5h2"/>`,
  check: svg`<path d="m3.5 8.5 3 3 6-7"/>`,
  cross: svg`<path d="m4.5 4.5 7 7m0-7-7 7"/>`,
  copy: svg`<path d="M5.5 5.5h7v8h-7zM3.5 10.5v-8h7"/>`,
  edit: svg`<path d="m3 13 .7-3L10.5 3.2l2.3 2.3L6 12.3z"/>`,
  warn: svg`<path d="M8 2.5 14 13H2zM8 6.5v3M8 11.3v.1"/>`,
  lock: svg`<path d="M3.5 7.5h9v6h-9zM5.5 7.5V5a2.5 2.5 0 0 1 5 0v2.5"/>`,
  help: svg`<path d="M6 6a2 2 0 1 1 2.7 1.9c-.5.2-.7.6-.7 1.1v.5M8 11.7v.1"/><circle cx="8" cy="8" r="6"/>`,
  up: svg`<path d="M4.6 6.6h3.3l-.7-2.9c-.2-.9 1-1.5 1.6-.7L11.4 6.6V13H5.7a1.3 1.3 0 0 1-1.2-.9L3.3 8.4a1.4 1.4 0 0 1 1.3-1.8zM11.4 13h2V6.6h-2"/>`,
  search: svg`<circle cx="7" cy="7" r="4.2"/><path d="m10.2 10.2 3.3 3.3"/>`,
  ask: svg`<path d="M8 2.2 9.5 6 13.5 7.5 9.5 9 8 13 6.5 9 2.5 7.5 6.5 6z"/>`,
  undo: svg`<path d="M3 6.5h6.5a3.5 3.5 0 0 1 0 7H6M5.5 4 3 6.5 5.5 9"/>`,
  append: svg`<path d="M2.5 4h11M2.5 8h5M10.5 7.5v6M7.5 10.5h6"/>`,
  wave: svg`<path d="M2.5 7v2M5.2 5v6M8 3v10M10.8 5v6M13.5 7v2"/>`,
  person: svg`<circle cx="8" cy="5.5" r="2.8"/><path d="M2.8 13.5c.5-2.700 2.600-4.200 5.2-4.200s4.700 1.500 5.2 4.200"/>`,
  down: svg`<path d="M4.6 9.4h3.3l-.7 2.9c-.2.9 1 1.5 1.6.7L11.4 9.4V3H5.7a1.3 1.3 0 0 0-1.2.9L3.3 7.6a1.4 1.4 0 0 0 1.3 1.8zM11.4 3h2v6.4h-2"/>`,
  chevron: svg`<path d="m6 4 4 4-4 4"/>`,
} as const;

export type IconName = keyof typeof ICONS;

export function icon(name: IconName): TemplateResult {
  return html`<svg viewBox="0 0 16 16" aria-hidden="true">${ICONS[name]}</svg>`;
}

export function head(name: IconName, title: string, meta: unknown = nothing): TemplateResult {
  return html`<div class="head">${icon(name)}<h2>${title}</h2>${meta}</div>`;
}

export function skeleton(lines: number, label: string): TemplateResult {
  return html`<div class="skeleton" aria-hidden="true">${Array.from({ length: lines }, () => html`<i></i>`)}</div>
    <span class="hidden">${label}</span>`;
}

const LEVELS = [
  { from: 0.75, level: "high", tone: "ok" },
  { from: 0.45, level: "medium", tone: "" },
  { from: 0, level: "low", tone: "warn" },
] as const;

/** A confidence in words, the figure on hover. */
export function confidence(value: number, l10n: L10n): TemplateResult {
  const { t } = l10n;
  const { level, tone } = LEVELS.find(({ from }) => value >= from) ?? LEVELS[2];
  return html`<span class="badge ${tone}" title=${t.confidence.title(l10n.percent(value))}>${t.confidence[level]}</span>`;
}
