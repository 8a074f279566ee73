import { type Batch, planBatches } from "../core/batches.js";
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
  /** Blocks of kept rows, then the model's batches. */
  readonly batches: readonly Batch[];
  /** How many of the batches, from the first on, are blocks of kept rows. */
  readonly keptBlocks: number;
  /** Tokens of the texts that the model computes. */
  readonly tokens: number;
  /** Tokens that the model computes, padding included. */
  readonly paddedTokens: number;
  /** Texts that were cut, of all rows. */
  readonly truncated: number;
  readonly lostTokens: number;
  /** What it took to count the tokens. */
  readonly tokenizeSeconds: number;
}

/** Rows in one block: few enough for memory, enough that syncing a block costs nothing beside reading it. */
const BLOCK_ROWS = 2048;

/** Plans a pass: what is kept in blocks of rows in order, the rest in batches by length. */
export async function planPass(
  measured: Measured,
  tokenizeSeconds: number,
  limits: { readonly tokenBudget: number; readonly maxRows: number },
  kept: KeptRows | null,
): Promise<PassPlan> {
  const { lengths, hashes, truncated, lostTokens } = measured;
  const known = kept && hashes ? await kept.known(hashes) : new Uint8Array(lengths.length);
  const blocks: Batch[] = [];
  const wanted: number[] = [];
  let block: number[] = [];
  for (let row = 0; row < lengths.length; row++) {
    if (known[row] === 0) wanted.push(row);
    else block.push(row);
    if (block.length === BLOCK_ROWS || (row === lengths.length - 1 && block.length > 0)) {
      blocks.push({ rows: block, paddedTo: 0 });
      block = [];
    }
  }
  const { batches, tokens, paddedTokens } = planBatches(lengths, limits.tokenBudget, limits.maxRows, wanted);
  return {
    batches: [...blocks, ...batches],
    keptBlocks: blocks.length,
    tokens,
    paddedTokens,
    truncated,
    lostTokens,
    tokenizeSeconds,
  };
}
