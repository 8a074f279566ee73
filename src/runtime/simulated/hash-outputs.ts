import type { ModelShape } from "../../schema/device-types.js";
import type { DenseBatch, EncoderOptions, SparseBatch, TokenBatch } from "../types.js";

/** Results that a row's own tokens decide, and neither its padding nor the rows beside it: any batching gives the same bits. */
export function hashOutput(
  { pooling }: Pick<EncoderOptions, "pooling">,
  shape: ModelShape,
  batch: TokenBatch,
): DenseBatch | SparseBatch {
  if (pooling === "splade") return sparse(batch, shape.vocabulary);
  const dim = pooling === "none" ? 1 : shape.hidden;
  const data = new Float32Array(batch.rows * dim);
  for (let row = 0; row < batch.rows; row++) {
    const next = draws(tokensOf(batch, row));
    if (pooling === "none") data[row] = 20 * next() - 10;
    else unit(data.subarray(row * dim, (row + 1) * dim), next);
  }
  return { kind: "dense", data, dim };
}

/** Fills a vector of length 1. */
function unit(vector: Float32Array, next: () => number): void {
  let square = 0;
  for (let i = 0; i < vector.length; i++) {
    vector[i] = 2 * next() - 1;
    square += (vector[i] as number) ** 2;
  }
  const scale = 1 / Math.sqrt(square);
  for (let i = 0; i < vector.length; i++) vector[i] = (vector[i] as number) * scale;
}

/** A row's own words, and as many others. */
function sparse(batch: TokenBatch, vocabulary: number): SparseBatch {
  const indptr = new Uint32Array(batch.rows + 1);
  const indices: number[] = [];
  const values: number[] = [];
  for (let row = 0; row < batch.rows; row++) {
    const tokens = tokensOf(batch, row);
    const next = draws(tokens);
    const terms = new Set<number>();
    for (const token of tokens) terms.add(token % vocabulary).add(Math.floor(next() * vocabulary));
    for (const term of [...terms].sort((a, b) => a - b)) {
      indices.push(term);
      values.push(0.05 + 3 * next());
    }
    indptr[row + 1] = indices.length;
  }
  return {
    kind: "sparse",
    indptr,
    indices: Uint32Array.from(indices),
    values: Float32Array.from(values),
    dim: vocabulary,
  };
}

function tokensOf({ ids, mask, length }: TokenBatch, row: number): number[] {
  const tokens: number[] = [];
  for (let at = row * length; at < (row + 1) * length; at++) if (mask[at]) tokens.push(ids[at] as number);
  return tokens;
}

/** Numbers in 0 to 1, drawn from tokens: FNV-1a of the ids (Fowler, Noll and Vo), then mulberry32 (Ettinger). */
function draws(tokens: readonly number[]): () => number {
  let state = 0x811c9dc5;
  for (const token of tokens) {
    for (let shift = 0; shift < 32; shift += 8) state = Math.imul(state ^ ((token >>> shift) & 0xff), 0x01000193);
  }
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
