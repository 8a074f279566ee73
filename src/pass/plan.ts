import { type Batch, longestFirst, planBatches } from "../core/batches.js";
import type { KeptRows } from "../schema/kept-rows.js";

/** What counting the tokens of all rows gives. */
export interface Measured {
  /** Tokens of each row after truncation, special tokens included. */
  readonly lengths: Uint32Array;
  readonly truncated: number;
  readonly lostTokens: number;
  /** sha256 of each row's text, 32 bytes a row; null where no rows are kept. */
  readonly hashes: Uint8Array | null;
}

/** Which rows are taken from those kept, and which are computed together. Made once and journaled. */
export interface PassPlan {
  /** Blocks of rows that are kept from before. */
  readonly keptBlocks: readonly (readonly number[])[];
  /** The model's batches, where they are planned ahead; null where devices find out how large theirs may be. */
  readonly batches: readonly Batch[] | null;
  /** Without planned batches: the model's rows, longest first, and the tokens of each. */
  readonly queue: { readonly rows: readonly number[]; readonly lengths: readonly number[] } | null;
  /** Texts that were cut, of all rows. */
  readonly truncated: number;
  readonly lostTokens: number;
  /** What it took to count the tokens. */
  readonly tokenizeSeconds: number;
}

/** How batches are made: by a rule that stands before the pass, or by what devices find out. */
export interface BatchRule {
  /** Rows of a length that a batch may have; null where that is found out. */
  readonly rowsFor: ((length: number) => number) | null;
  readonly maxRows: number;
}

/** Rows in one block: few enough for memory, enough that syncing a block costs nothing beside reading it. */
const BLOCK_ROWS = 2048;

/** Plans a pass: what is kept in blocks of rows in order, the rest by length. */
export async function planPass(
  measured: Measured,
  tokenizeSeconds: number,
  { rowsFor, maxRows }: BatchRule,
  kept: KeptRows | null,
): Promise<PassPlan> {
  const { lengths, hashes, truncated, lostTokens } = measured;
  const known = kept && hashes ? await kept.known(hashes) : new Uint8Array(lengths.length);
  const keptBlocks: number[][] = [];
  const wanted: number[] = [];
  let block: number[] = [];
  for (let row = 0; row < lengths.length; row++) {
    if (known[row] === 0) wanted.push(row);
    else block.push(row);
    if (block.length === BLOCK_ROWS || (row === lengths.length - 1 && block.length > 0)) {
      keptBlocks.push(block);
      block = [];
    }
  }
  const batches = rowsFor ? planBatches(lengths, rowsFor, maxRows, wanted).batches : null;
  let queue: PassPlan["queue"] = null;
  if (!batches) {
    const rows = longestFirst(lengths, wanted);
    queue = { rows, lengths: rows.map((row) => lengths[row] as number) };
  }
  return { keptBlocks, batches, queue, truncated, lostTokens, tokenizeSeconds };
}
