import { byScore, type Scored } from "../core/top-k.js";
import { pacer } from "../runtime/pace.js";
import { blocksOf, type RowSource } from "./rows.js";

/**
 * The k nearest rows of each query by inner product, exactly, reading the rows
 * once and a block at a time: the same as a dot product with every row and
 * `topK` of the scores, summed in float64. Equal scores go by lower row.
 *
 * @param queries row-major, `source.dim` wide
 */
export async function nearestRows(
  source: RowSource,
  queries: Float32Array,
  k: number,
  signal?: AbortSignal,
): Promise<Scored[][]> {
  const { dim } = source;
  const best: Scored[][] = Array.from({ length: queries.length / dim }, () => []);
  const pace = pacer(signal);
  for await (const { from, rows, data } of blocksOf(source, signal)) {
    for (const [q, kept] of best.entries()) {
      const query = queries.subarray(q * dim, (q + 1) * dim);
      for (let r = 0; r < rows; r++) {
        let score = 0;
        for (let i = 0, at = r * dim; i < dim; i++, at++) score += (query[i] as number) * (data[at] as number);
        // Rows come in ascending order, so a later row with an equal score never displaces an earlier one.
        if (kept.length === k && score <= (kept[k - 1] as Scored).score) continue;
        kept.push({ row: from + r, score });
        kept.sort(byScore);
        if (kept.length > k) kept.pop();
      }
      const turn = pace();
      if (turn) await turn;
    }
  }
  return best;
}

/** `count` different rows of `rows`, ascending, the same ones on every system (mulberry32). */
export function sampleRows(rows: number, count: number, seed = 1): number[] {
  const picked = new Set<number>();
  let state = seed >>> 0;
  while (picked.size < Math.min(rows, count)) {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    picked.add(Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * rows));
  }
  return [...picked].sort((a, b) => a - b);
}
