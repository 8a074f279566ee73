import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { jsonNumbers, shortestFloat32 } from "../../dist/export/float32.js";
import { noise } from "./corpus.ts";

/** The first precision that reads back: slow and plain. */
function plain(value: number): number {
  for (let digits = 1; digits <= 9; digits++) {
    const decimal = Number(value.toPrecision(digits));
    if (Math.fround(decimal) === value) return decimal;
  }
  return value;
}

const length = (value: number) =>
  String(Math.abs(value))
    .replace(/e.*|\./g, "")
    .replace(/^0+|0+$/g, "").length;

describe("shortestFloat32", () => {
  it("reads back as the same float32, as short as can be, for all kinds of bits", () => {
    const next = noise(7);
    const bits = new Uint32Array(1);
    const float = new Float32Array(bits.buffer);
    for (let i = 0; i < 200_000; i++) {
      bits[0] = (next() + 1) * 2 ** 31;
      const value = float[0] as number;
      if (!Number.isFinite(value)) continue;
      const decimal = shortestFloat32(value);
      assert.equal(Math.fround(decimal), value);
      assert.equal(length(decimal), length(plain(value)), String(value));
    }
  });

  it("keeps edges", () => {
    const edges = [
      0, 1, -1, 0.5, 0.1, 1e-45, 1.1754943508222875e-38, 3.4028234663852886e38, 16777216, 1e22, 1e-10, 123456.7,
    ];
    for (const edge of edges) {
      const value = Math.fround(edge);
      assert.equal(Math.fround(shortestFloat32(value)), value);
      assert.equal(shortestFloat32(value), plain(value));
    }
    assert.equal(
      JSON.stringify(jsonNumbers(Float32Array.of(0.1, 0.2, -0.3, 1e-7, 16777216))),
      "[0.1,0.2,-0.3,1e-7,16777216]",
    );
  });
});
