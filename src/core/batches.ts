/** Tokens in a batch on the CPU where none are set: larger ones fall out of its caches and are slower. */
export const CPU_TOKEN_BUDGET = 1024;

/** One batch of a plan: which rows, and the length they are padded to, in tokens. */
export interface Batch {
  readonly rows: readonly number[];
  readonly paddedTo: number;
}

/** Which rows are computed together. The plan decides the last bits of a result, so it is a pure function of its inputs. */
export interface BatchPlan {
  readonly batches: readonly Batch[];
  /** Tokens computed, padding included. */
  readonly paddedTokens: number;
  /** Tokens that belong to texts. */
  readonly tokens: number;
}

/** Rows sorted by length, longest first, so that memory peaks at the start, not after hours. Equal lengths keep their order. */
export function longestFirst(lengths: ArrayLike<number>, rows: readonly number[]): number[] {
  return [...rows].sort((a, b) => (lengths[b] as number) - (lengths[a] as number) || a - b);
}

/** How many rows of a length a batch may have: what a budget of padded tokens allows, and at least one. */
export function rowsWithin(tokenBudget: number): (length: number) => number {
  return (length) => Math.max(1, Math.floor(tokenBudget / Math.max(1, length)));
}

/**
 * Sorts rows by length, longest first, and cuts them into batches. A row that is
 * longer than a budget allows makes a batch of its own.
 *
 * @param lengths tokens of each row, after truncation
 * @param rowsFor rows of a length that a batch may have; see {@link rowsWithin}
 * @param maxRows rows a batch may hold
 * @param rows the rows to plan; all of them by default
 */
export function planBatches(
  lengths: ArrayLike<number>,
  rowsFor: (length: number) => number,
  maxRows = 256,
  rows: readonly number[] = Array.from({ length: lengths.length }, (_, row) => row),
): BatchPlan {
  const order = longestFirst(lengths, rows);
  const batches: Batch[] = [];
  let tokens = 0;
  let paddedTokens = 0;
  for (let at = 0; at < order.length; ) {
    const paddedTo = lengths[order[at] as number] as number;
    const fit = Math.max(1, Math.min(maxRows, rowsFor(paddedTo)));
    const rows = order.slice(at, at + fit);
    batches.push({ rows, paddedTo });
    paddedTokens += rows.length * paddedTo;
    for (const row of rows) tokens += lengths[row] as number;
    at += rows.length;
  }
  return { batches, paddedTokens, tokens };
}
