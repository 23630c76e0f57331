import { describe, expect, it } from "vitest";
import { accentFor, brandProperties, contrast, parse, safeLogo } from "../src/panel/branding.js";

const COLOURS = ["#ffff00", "#000000", "#ffffff", "#2d6a4f", "#ff6600", "#88ccee", "#7f7f7f", "#ff00ff"];

describe("a tenant's colour", () => {
  it.each(COLOURS)("%s can be read in both themes, and what stands on it too", (colour) => {
    for (const [shade, surface] of [["light", "#ffffff"], ["dark", "#191e24"]] as const) {
      const { accent, ink } = accentFor(colour, shade)!;
      expect(contrast(parse(accent)!, parse(surface)!)).toBeGreaterThanOrEqual(4.5);
      expect(contrast(parse(accent)!, parse(ink)!)).toBeGreaterThanOrEqual(4.5);
    }
  });

  it("stays as it is where it can be read", () => expect(accentFor("#14616b", "light")?.accent).toBe("#14616b"));

  it.each(["red", "#fff", "url(x)", "#14616b;background:url(//evil)"])("is no %s", (colour) => {
    expect(brandProperties({ name: "", accent: colour, logo: null })).toEqual({});
  });
});

describe("a logo", () => {
  const logo = (address: string) => safeLogo({ name: "", accent: null, logo: address });

  it("travels within the answer", () => expect(logo("data:image/png;base64,AAAA")).toBe("data:image/png;base64,AAAA"));

  it.each(["https://evil.example/x.png", "data:text/html;base64,AAAA", "javascript:alert(1)"])("is never %s", (address) => {
    expect(logo(address)).toBeNull();
  });
});
