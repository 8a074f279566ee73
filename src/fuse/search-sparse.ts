import { badK, searchSpace } from "../core/errors.js";
import { type SparseMatrix, sparseRow } from "../core/sparse-matrix.js";
import { type Scored, topK } from "../core/top-k.js";
import { pacer } from "../runtime/pace.js";

/**
 * Exact search by inner product of sparse vectors: for each query the k best rows
 * with a score above 0, equal scores by lower row. Only the terms that some query
 * has are indexed, in two passes over the rows.
 *
 * @param queries one row a query, in the same space as the rows
 * @returns a list a query, at most k long; empty where no row shares a term
 * @throws RagError `space_mismatch`, `bad_k`
 */
export async function searchSparse(
  matrix: SparseMatrix,
  queries: SparseMatrix,
  k: number,
  signal?: AbortSignal,
): Promise<Scored[][]> {
  if (queries.space !== matrix.space) throw searchSpace(queries.space, matrix.space);
  if (!(Number.isInteger(k) && k > 0)) throw badK(k);
  const pace = pacer(signal);
  const postings = await invert(matrix, queries.indices, pace);
  const scores = new Float64Array(matrix.rows);
  const results: Scored[][] = [];
  for (let q = 0; q < queries.rows; q++) {
    scores.fill(0);
    const { indices, values } = sparseRow(queries, q);
    for (let i = 0; i < indices.length; i++) {
      const slot = postings.slots[indices[i] as number] as number;
      const weight = values[i] as number;
      const to = postings.starts[slot + 1] as number;
      for (let at = postings.starts[slot] as number; at < to; at++) {
        const row = postings.rows[at] as number;
        scores[row] = (scores[row] as number) + weight * (postings.values[at] as number);
      }
      const turn = pace();
      if (turn) await turn;
    }
    results.push(topK(scores, k, (row) => (scores[row] as number) > 0));
  }
  return results;
}

/** The columns of some terms: slot `s` owns `starts[s] .. starts[s + 1]` of `rows` (ascending) and `values`. */
interface Postings {
  /** Slot of each term, -1 for one that was not asked for. */
  readonly slots: Int32Array;
  readonly starts: Float64Array;
  readonly rows: Uint32Array;
  readonly values: Float32Array;
}

async function invert(matrix: SparseMatrix, asked: Uint32Array, pace: () => Promise<void> | null): Promise<Postings> {
  const terms = [...new Set(asked)].sort((a, b) => a - b);
  const slots = new Int32Array((terms.at(-1) ?? -1) + 1).fill(-1);
  for (const [slot, term] of terms.entries()) slots[term] = slot;
  const starts = new Float64Array(terms.length + 1);
  await eachPosting(matrix, slots, pace, (slot) => {
    starts[slot + 1] = (starts[slot + 1] as number) + 1;
  });
  for (let slot = 0; slot < terms.length; slot++)
    starts[slot + 1] = (starts[slot + 1] as number) + (starts[slot] as number);
  const next = starts.slice();
  const total = starts[terms.length] as number;
  const rows = new Uint32Array(total);
  const values = new Float32Array(total);
  await eachPosting(matrix, slots, pace, (slot, row, value) => {
    const at = next[slot] as number;
    next[slot] = at + 1;
    rows[at] = row;
    values[at] = value;
  });
  return { slots, starts, rows, values };
}

async function eachPosting(
  matrix: SparseMatrix,
  slots: Int32Array,
  pace: () => Promise<void> | null,
  visit: (slot: number, row: number, value: number) => void,
): Promise<void> {
  for (let row = 0; row < matrix.rows; row++) {
    const to = matrix.indptr[row + 1] as number;
    for (let i = matrix.indptr[row] as number; i < to; i++) {
      const slot = slots[matrix.indices[i] as number];
      // Terms beyond the last one asked for have no slot at all.
      if (slot !== undefined && slot >= 0) visit(slot, row, matrix.values[i] as number);
    }
    const turn = pace();
    if (turn) await turn;
  }
}
