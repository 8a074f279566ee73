import assert from "node:assert/strict";
import test from "node:test";
import { colours, INK, series } from "../../dist/charts/palette.js";

/** Relative luminance and contrast as WCAG 2.1 defines them. */
function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const c = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

test("marks and text can be read on white and on near-black", () => {
  for (const page of ["#ffffff", "#111111"]) {
    for (const [name, colour] of Object.entries(colours)) {
      assert.ok(contrast(colour, page) >= 3, `${name} on ${page}: ${contrast(colour, page).toFixed(2)}`);
    }
    assert.ok(contrast(INK, page) >= 4.3, `ink on ${page}: ${contrast(INK, page).toFixed(2)}`);
  }
  assert.equal(new Set(series).size, series.length);
});
