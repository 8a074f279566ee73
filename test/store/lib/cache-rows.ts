/** Vector caches whose rows are known: the vector of text i is a function of i. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { openVectorCache, type VectorCache, type VectorSpace } from "../../../dist/store/vector-cache.js";
import { scratch } from "../../lib/sample.ts";

export const DIM = 16;
export const space: VectorSpace = {
  model: "a-model",
  fingerprint: "f".repeat(64),
  dtype: "fp32",
  device: "cpu",
  pooling: "mean",
  normalize: true,
  prefix: "",
  maxTokens: 256,
  output: "dense",
  width: DIM,
  encoder: "1",
};
export const options = (path: string, more: { maxBytes?: number; maxDays?: number | null } = {}) => ({
  path,
  maxBytes: 1 << 30,
  maxDays: null,
  ...more,
});
export const place = async () => join(await scratch("vectors"), "vectors.sqlite");

export const hashOf = (text: string) => createHash("sha256").update(text).digest();
export const hashesOf = (from: number, to: number, name = "text") =>
  Buffer.concat(Array.from({ length: to - from }, (_, i) => hashOf(`${name} ${from + i}`)));
/** The one right vector of text i. */
export const rowOf = (i: number, dim = DIM) =>
  bytes(Float32Array.from({ length: dim }, (_, d) => Math.fround(i + d / 64)));
export const rowsOf = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => rowOf(from + i));
export const bytes = (numbers: Float32Array) => new Uint8Array(numbers.buffer);

export async function filled(path: string, rows: number, more = {}): Promise<void> {
  const cache = openVectorCache(options(path, more));
  await cache.space(space).keep(hashesOf(0, rows), rowsOf(0, rows));
  await cache.close();
  assert.deepEqual(cache.notes(), []);
}

/** Takes texts from..to and asserts that what comes back is right; returns how many came. */
export async function taken(cache: VectorCache, from: number, to: number): Promise<number> {
  const rows = await cache.space(space).take(hashesOf(from, to));
  assert.equal(rows.length, to - from);
  for (const [i, row] of rows.entries()) {
    if (row !== null) assert.ok(Buffer.from(row).equals(rowOf(from + i)), `text ${from + i}`);
  }
  return rows.filter((row) => row !== null).length;
}

/** Opens the cache only to look: how many of the texts it gives, and its notes. */
export async function look(path: string, from: number, to: number): Promise<{ found: number; codes: string[] }> {
  const cache = openVectorCache(options(path));
  const found = await taken(cache, from, to);
  await cache.close();
  return { found, codes: cache.notes().map(({ code }) => code) };
}
