import assert from "node:assert/strict";
import test from "node:test";
import * as format from "../../dist/charts/format.js";

function table<T>(write: (value: T) => string, rows: readonly (readonly [T, string])[]): void {
  for (const [value, words] of rows) assert.equal(write(value), words, String(value));
}

test("counts and rates", () => {
  table(format.count, [
    [0, "0"],
    [1234567, "1,234,567"],
    [0.125, "0.13"],
    [Number.NaN, "–"],
  ]);
  table(format.short, [
    [0, "0"],
    [0.012345, "0.0123"],
    [4.5, "4.5"],
    [12, "12"],
    [99.96, "100"],
    [1234.6, "1,235"],
    [-4.567, "-4.57"],
    [Number.POSITIVE_INFINITY, "–"],
  ]);
  assert.equal(format.counted(1, "batch", "batches"), "1 batch");
  assert.equal(format.counted(1200, "batch", "batches"), "1,200 batches");
});

test("sizes on disk count in thousands, memory in powers of two", () => {
  table(format.bytes, [
    [0, "0 bytes"],
    [1, "1 byte"],
    [999, "999 bytes"],
    [1000, "1 kB"],
    [999_600, "1 MB"],
    [4_005_743, "4.01 MB"],
    [3.5e12, "3.5 TB"],
  ]);
  table(format.memory, [
    [1023, "1,023 bytes"],
    [1024, "1 KiB"],
    [304 * 2 ** 20, "304 MiB"],
    [12 * 2 ** 30, "12 GiB"],
  ]);
});

test("durations", () => {
  table(format.duration, [
    [0, "0 s"],
    [0.00034, "340 µs"],
    [0.0345, "34.5 ms"],
    [0.9994, "999 ms"],
    [0.9999, "1 s"],
    [1.234, "1.23 s"],
    [59.94, "59.9 s"],
    [59.97, "1 min 00 s"],
    [125.4, "2 min 05 s"],
    [3599.7, "1 h 00 min"],
    [4320, "1 h 12 min"],
    [100_000, "27 h 47 min"],
    [-1, "–"],
  ]);
});

test("a share is 0 % or 100 % only where it is exactly that", () => {
  table(format.percent, [
    [0, "0 %"],
    [1, "100 %"],
    [0.9999, "> 99.9 %"],
    [0.0001, "< 0.1 %"],
    [0.923, "92.3 %"],
    [0.5, "50 %"],
  ]);
});

test("moments and units", () => {
  assert.equal(format.moment("2026-11-20T19:39:27.123Z"), "2026-11-20 19:39:27");
  assert.equal(format.moment("yesterday"), "yesterday");
  assert.deepEqual(format.timeUnit(0.2), { by: 0.001, name: "ms" });
  assert.deepEqual(format.timeUnit(400), { by: 60, name: "min" });
  assert.deepEqual(format.memoryUnit(2 ** 31), { by: 2 ** 30, name: "GiB" });
});
