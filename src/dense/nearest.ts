import { type Matrix, rowOf } from "../core/matrix.js";
import { pacer } from "../runtime/pace.js";
import type { MatrixReader } from "../store/arrays.js";

const SAMPLE = 64;
const BLOCK_ROWS = 2048;

/**
 * Cosine of each sampled row to its nearest other row: a picture of how alike the
 * chunks are, and of duplicates (values near 1). At most 64 rows, evenly spread;
 * one pass over the file, block by block.
 */
export async function nearestCosines(source: MatrixReader, signal: AbortSignal): Promise<number[]> {
  const sampled = Math.min(SAMPLE, source.count);
  const picks = Array.from({ length: sampled }, (_, i) => Math.floor((i * source.count) / sampled));
  const wanted: Matrix[] = [];
  for (const row of picks) wanted.push(await source.rows(row, row + 1));
  const best = new Float64Array(sampled).fill(-1);
  if (source.count < 2) return [];
  const pace = pacer(signal);
  for (let from = 0; from < source.count; from += BLOCK_ROWS) {
    const block = await source.rows(from, Math.min(source.count, from + BLOCK_ROWS));
    for (let i = 0; i < sampled; i++) {
      const query = rowOf(wanted[i] as Matrix, 0);
      for (let r = 0; r < block.rows; r++) {
        if (from + r === picks[i]) continue;
        const row = rowOf(block, r);
        let sum = 0;
        for (let c = 0; c < query.length; c++) sum += (query[c] as number) * (row[c] as number);
        if (sum > (best[i] as number)) best[i] = sum;
      }
      const turn = pace();
      if (turn) await turn;
    }
  }
  return [...best];
}
