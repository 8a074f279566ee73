/** One batch of a plan: which rows, and the length they are padded to, in tokens. */
export interface Batch {
  readonly rows: readonly number[];
  readonly paddedTo: number;
}

/** Tokens in a batch on the CPU where none are set: larger ones fall out of its caches and are slower. */
export const CPU_TOKEN_BUDGET = 1024;

/** Which rows are computed together. The plan decides the last bits of a result, so it is a pure function of its inputs. */
export interface BatchPlan {
  readonly batches: readonly Batch[];
  /** Tokens computed, padding included. */
  readonly paddedTokens: number;
  /** Tokens that belong to texts. */
  readonly tokens: number;
}

/**
 * Sorts rows by length, longest first (so that memory peaks at the start, not
 * after hours), and cuts them into batches of at most `tokenBudget` padded tokens.
 * A row longer than the budget makes a batch of its own.
 *
 * @param lengths tokens of each row, after truncation
 * @param tokenBudget padded tokens a batch may hold
 * @param maxRows rows a batch may hold
 * @param rows the rows to plan; all of them by default
 */
export function planBatches(
  lengths: ArrayLike<number>,
  tokenBudget: number,
  maxRows = 256,
  rows: readonly number[] = Array.from({ length: lengths.length }, (_, row) => row),
): BatchPlan {
  const order = [...rows];
  order.sort((a, b) => (lengths[b] as number) - (lengths[a] as number) || a - b);
  const batches: Batch[] = [];
  let tokens = 0;
  let paddedTokens = 0;
  for (let at = 0; at < order.length; ) {
    const paddedTo = lengths[order[at] as number] as number;
    const fit = Math.max(1, Math.min(maxRows, Math.floor(tokenBudget / Math.max(1, paddedTo))));
    const rows = order.slice(at, at + fit);
    batches.push({ rows, paddedTo });
    paddedTokens += rows.length * paddedTo;
    for (const row of rows) tokens += lengths[row] as number;
    at += rows.length;
  }
  return { batches, paddedTokens, tokens };
}
