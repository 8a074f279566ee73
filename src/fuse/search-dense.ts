import { badK, nonFiniteScore, searchDimension } from "../core/errors.js";
import type { Matrix } from "../core/matrix.js";
import { byScore, type Scored, topK } from "../core/top-k.js";
import { pacer } from "../runtime/pace.js";

/** Multiplications between two looks at the clock: about a millisecond. */
const BLOCK_WORK = 2 ** 20;

/** Rows that are read in ranges, from memory or from disk. */
export interface MatrixSource {
  readonly count: number;
  readonly dim: number;
  rows(from: number, to: number): Promise<Matrix>;
}

/** A matrix in memory as a source. */
export function matrixSource(matrix: Matrix): MatrixSource {
  const { data, rows, dim } = matrix;
  return {
    count: rows,
    dim,
    rows: async (from, to) => ({ data: data.subarray(from * dim, to * dim), rows: to - from, dim }),
  };
}

/**
 * Exact search by inner product: for each query the k best rows, equal scores by
 * lower row. Products are summed in float64. One pass over the rows for all
 * queries, in blocks, with turns for the event loop in between.
 *
 * @param queries float32 `[queries, dim]`, of the same dimension as the rows
 * @returns a list a query, at most k long
 * @throws RagError `dimension_mismatch`, `bad_k`, `non_finite_score` (NaN or infinity, by row and query)
 */
export async function searchDense(
  source: MatrixSource,
  queries: Matrix,
  k: number,
  signal?: AbortSignal,
): Promise<Scored[][]> {
  if (queries.dim !== source.dim) throw searchDimension(queries.dim, source.dim);
  if (!(Number.isInteger(k) && k > 0)) throw badK(k);
  const pace = pacer(signal);
  const best: Scored[][] = Array.from({ length: queries.rows }, () => []);
  const step = Math.max(64, Math.floor(BLOCK_WORK / source.dim));
  const scores = new Float64Array(step);
  for (let from = 0; from < source.count; from += step) {
    const block = await source.rows(from, Math.min(source.count, from + step));
    for (let q = 0; q < queries.rows; q++) {
      scoreRows(block, queries.data, q * queries.dim, scores);
      best[q] = better(best[q] as Scored[], scores.subarray(0, block.rows), from, k, q);
      const turn = pace();
      if (turn) await turn;
    }
  }
  return best;
}

/**
 * The same as `scores[row] = dot(row, query)` for each row, four rows at a time:
 * their sums do not wait for each other, and each adds in the same order as one alone.
 */
function scoreRows({ data, rows, dim }: Matrix, queries: Float32Array, query: number, scores: Float64Array): void {
  let row = 0;
  for (; row + 4 <= rows; row += 4) {
    const a = row * dim;
    const b = a + dim;
    const c = b + dim;
    const d = c + dim;
    let sumA = 0;
    let sumB = 0;
    let sumC = 0;
    let sumD = 0;
    for (let i = 0; i < dim; i++) {
      const weight = queries[query + i] as number;
      sumA += weight * (data[a + i] as number);
      sumB += weight * (data[b + i] as number);
      sumC += weight * (data[c + i] as number);
      sumD += weight * (data[d + i] as number);
    }
    scores[row] = sumA;
    scores[row + 1] = sumB;
    scores[row + 2] = sumC;
    scores[row + 3] = sumD;
  }
  for (; row < rows; row++) {
    let sum = 0;
    for (let i = 0; i < dim; i++) sum += (queries[query + i] as number) * (data[row * dim + i] as number);
    scores[row] = sum;
  }
}

/** The k best of those so far and of a block. Rows only rise, so an equal score further on never wins. */
function better(best: Scored[], scores: Float64Array, from: number, k: number, query: number): Scored[] {
  const floor = best.length < k ? Number.NEGATIVE_INFINITY : (best[k - 1]?.score as number);
  const found = topK(scores, k, (row) => {
    const score = scores[row] as number;
    if (!Number.isFinite(score)) throw nonFiniteScore(from + row, query);
    return score > floor;
  });
  if (found.length === 0) return best;
  for (const { row, score } of found) best.push({ row: from + row, score });
  return best.sort(byScore).slice(0, k);
}
