import type { Branding } from "../api/model.js";

type Rgb = readonly [number, number, number];

/** The least contrast of text (WCAG 2.2, 1.4.3). */
const ENOUGH = 4.5;
const STEP = 0.04;
/** How much accent a soft background has; as in the tokens. */
const SOFT_SHARE = 0.12;
const SURFACES = { light: [255, 255, 255], dark: [25, 30, 36] } as const;
const ENDS = { light: [0, 0, 0], dark: [255, 255, 255] } as const;
const INKS = ["#ffffff", "#06121a"] as const;
const LOGO = /^data:image\/(png|webp|jpeg|svg\+xml);base64,[A-Za-z0-9+/=]+$/;

export type Shade = keyof typeof SURFACES;

/** A tenant's colour as it can be read in a light or dark panel, and what can be read on it. */
export interface Accent {
  readonly accent: string;
  readonly ink: string;
}

/**
 * `hex` moved towards black (light) or white (dark) until it can be read on surfaces and on its own soft tint;
 * null when it is no colour of six digits.
 */
export function accentFor(hex: string, shade: Shade): Accent | null {
  const given = parse(hex);
  if (!given) return null;
  const surface = SURFACES[shade];
  for (let share = 0; share <= 1; share += STEP) {
    const colour = mix(given, ENDS[shade], share);
    const soft = mix(surface, colour, SOFT_SHARE);
    if (Math.min(contrast(colour, surface), contrast(colour, soft)) < ENOUGH) continue;
    const [light, dark] = INKS;
    const ink = contrast(colour, parse(light)!) >= contrast(colour, parse(dark)!) ? light : dark;
    return { accent: format(colour), ink };
  }
  return null;
}

/** The custom properties that dress the panel in a tenant's colours; none for what cannot be read. */
export function brandProperties(branding: Branding | null): Readonly<Record<string, string>> {
  const properties: Record<string, string> = {};
  for (const shade of ["light", "dark"] as const) {
    const accent = branding?.accent ? accentFor(branding.accent, shade) : null;
    if (!accent) continue;
    properties[`--cp-brand-${shade}`] = accent.accent;
    properties[`--cp-on-brand-${shade}`] = accent.ink;
  }
  return properties;
}

/** The logo when it is an image within the answer itself: no address from outside is ever loaded. */
export function safeLogo(branding: Branding | null): string | null {
  const logo = branding?.logo;
  return logo && LOGO.test(logo) ? logo : null;
}

export function contrast(a: Rgb, b: Rgb): number {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

export function parse(hex: string): Rgb | null {
  const digits = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(hex);
  return digits && [1, 2, 3].map((part) => parseInt(digits[part]!, 16)) as unknown as Rgb;
}

function luminance(colour: Rgb): number {
  const [r, g, b] = colour.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function mix(a: Rgb, b: Rgb, share: number): Rgb {
  return a.map((part, index) => Math.round(part + (b[index]! - part) * share)) as unknown as Rgb;
}

function format(colour: Rgb): string {
  return `#${colour.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}
