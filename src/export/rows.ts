/** Float32 rows that are read from disk as they are needed: an `.npy` file, or a flat FAISS index. */
export interface RowSource {
  readonly rows: number;
  readonly dim: number;
  /** Rows `from .. to`, row-major, in memory of their own. */
  readRows(from: number, to: number): Promise<Float32Array>;
}

/** Rows that stand together: row `from + i` is `data[i * dim ..]`. */
export interface RowBlock {
  readonly from: number;
  readonly rows: number;
  readonly data: Float32Array;
}

/** Enough to keep the disk busy, little enough that the event loop moves between two blocks. */
const BLOCK_BYTES = 1 << 20;

/** How many rows of a width make one block. */
export function blockRows(dim: number): number {
  return Math.max(1, Math.floor(BLOCK_BYTES / (4 * Math.max(1, dim))));
}

/** All rows, about a megabyte at a time. @throws the signal's reason when it aborts */
export async function* blocksOf(source: RowSource, signal?: AbortSignal): AsyncGenerator<RowBlock> {
  const step = blockRows(source.dim);
  for (let from = 0; from < source.rows; from += step) {
    signal?.throwIfAborted();
    const to = Math.min(source.rows, from + step);
    yield { from, rows: to - from, data: await source.readRows(from, to) };
  }
}
