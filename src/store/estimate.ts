/**
 * What runs will take on the disk, at most, in bytes: pure functions of what is
 * known before a stage begins. Sizes that follow from a shape are exact; the rest
 * are averages that were measured, rounded up. A test holds them against real runs.
 */

import type { Settings } from "../schema/settings-types.js";

/** A run's manifest without batches and results, and the blocks that files begin. */
const RUN_BYTES = 16_000;
/** A line of a chunk, besides its text, its document's name and its section path: ids, offsets, scores. */
const CHUNK_BYTES = 260;
const SECTION_BYTES = 60;
const DOCUMENT_BYTES = 220;
/** Line ends, quotes and backslashes are two characters in JSON. */
const JSON_TEXT = 1.1;
/** A batch's record in the journal, and its line in the run's telemetry. */
const BATCH_BYTES = 800;
/** A row in the plan that the journal begins with. */
const PLAN_BYTES = 16;
/** Terms of a SPLADE vector: 300 to 320 with the sample model, fewer with the larger ones that were published. */
export const SPLADE_TERMS = 400;
/** Different words for a token: .34 to .37 in English text. */
const BM25_TERMS = 0.65;
/** A line of the vocabulary, and how many terms (of all rows) need one of their own. */
const WORD_BYTES = 12;
const NEW_WORDS = 0.25;
/** Pages of the vector cache that are not full, and what finds a row in it. */
const CACHE_SHARE = 1.1;
const CACHE_KEY_BYTES = 130;
/** A candidate in a run's manifest, with the names of its document and section; a reranked one has more. */
const CANDIDATE_BYTES = 450;
const RANKED_BYTES = 700;
/** Pairs of a batch, at least, on average. */
const BATCH_PAIRS = 4;

/** Documents as they were read, before they are cut. */
export interface DocumentsSize {
  readonly documents: number;
  readonly bytes: number;
  /** Characters of all documents' names. */
  readonly names: number;
  /** Lines that may be headings: each begins a chunk. */
  readonly headings: number;
  readonly targetTokens: number;
  readonly overlapTokens: number;
}

/** `chunks.jsonl`, its offsets and `documents.jsonl`. */
export function chunkRunBytes(size: DocumentsSize): number {
  const { documents, bytes, names, headings, targetTokens, overlapTokens } = size;
  // A chunk that is followed by another of its section is at least half full, at about four bytes a token.
  const halfFull = 2 * targetTokens;
  const chunks = documents + headings + bytes / halfFull;
  const name = names / Math.max(1, documents);
  const text = bytes * (1 + (2 * overlapTokens) / targetTokens) * JSON_TEXT;
  return whole(
    RUN_BYTES + text + chunks * (CHUNK_BYTES + SECTION_BYTES + name + 8) + documents * DOCUMENT_BYTES + names,
  );
}

/** A pass of a model: how many rows, of how many tokens in all, in batches of how many. */
export interface PassSize {
  readonly rows: number;
  readonly tokens: number;
  readonly tokenBudget: number;
}

/**
 * Journal and array of every model, at the dimension it gives and the one that is
 * kept, and the array of the fused vectors.
 *
 * @param fusedDim 0 where nothing is fused
 */
export function denseRunBytes(
  size: PassSize,
  models: readonly { readonly dim: number; readonly kept: number }[],
  fusedDim: number,
): number {
  const arrays = models.reduce((sum, { dim, kept }) => sum + 4 * size.rows * (dim + kept) + passBytes(size), 0);
  return whole(RUN_BYTES + arrays + 4 * size.rows * fusedDim);
}

/** Journal and arrays of every SPLADE model, arrays and vocabulary of BM25. */
export function sparseRunBytes(size: PassSize, spladeModels: number, bm25: boolean): number {
  const { rows, tokens } = size;
  const arrays = (terms: number) => 8 * terms + 8 * (rows + 1);
  const splade = 8 * rows * SPLADE_TERMS + 4 * rows + arrays(rows * SPLADE_TERMS) + passBytes(size);
  const terms = BM25_TERMS * tokens;
  return whole(RUN_BYTES + spladeModels * splade + (bm25 ? arrays(terms) + WORD_BYTES * NEW_WORDS * terms : 0));
}

/**
 * What the vector cache grows by where no row is kept yet: 1.1 times a row and its key, as
 * measured, up to the cache's limit; nothing where it is switched off.
 *
 * @param rowBytes of a row of each model
 */
export function cacheBytes(
  rows: number,
  rowBytes: readonly number[],
  { vectorCache, vectorCacheBytes }: Pick<Settings, "vectorCache" | "vectorCacheBytes">,
): number {
  const grown = rowBytes.reduce((sum, bytes) => sum + rows * (CACHE_SHARE * bytes + CACHE_KEY_BYTES), 0);
  return vectorCache === null ? 0 : whole(Math.min(grown, vectorCacheBytes));
}

/** Journals of the queries' passes, and the candidates, which stand in the manifest. */
export function fuseRunBytes(queries: number, depth: number, queryNumbers: number): number {
  return whole(RUN_BYTES + queries * (depth * CANDIDATE_BYTES + 8 * queryNumbers + BATCH_BYTES));
}

/** The journal of the pairs, and the candidates that are kept. */
export function rerankRunBytes(pairs: number, kept: number): number {
  return whole(RUN_BYTES + pairs * (BATCH_BYTES / BATCH_PAIRS + PLAN_BYTES) + kept * RANKED_BYTES);
}

/** What a pass writes beside its output. Padding and whole rows make more batches than the tokens alone would. */
function passBytes({ rows, tokens, tokenBudget }: PassSize): number {
  const batches = Math.min(rows, 1 + (2 * tokens) / tokenBudget);
  return BATCH_BYTES * batches + PLAN_BYTES * rows;
}

function whole(bytes: number): number {
  return Math.ceil(bytes);
}
