import { createHash } from "node:crypto";
import { pacer } from "../runtime/pace.js";
import { loadTokenizer, type Tokenizer } from "../runtime/tokenizer.js";
import type { TokenizedText } from "../runtime/types.js";
import type { KeptRows } from "../schema/kept-rows.js";
import type { LocatedModel } from "../schema/model-types.js";
import type { Settings } from "../schema/settings-types.js";
import type { Chunk, Query, StageName } from "../schema/types.js";
import type { StageWork } from "../stage/work.js";
import type { ChunkReader } from "../store/chunks.js";
import type { PreparedRow } from "./input.js";
import type { Measured } from "./plan.js";
import { type Pass, runPass } from "./run.js";

/** Most rows that are computed at once where nothing else limits them: what comes back of them is held in memory. */
const MOST_ROWS = 4096;

/** The tokenizer a located model was trained with. */
export function tokenizerOf(model: LocatedModel): Promise<Tokenizer> {
  return loadTokenizer(model.tokenizerFile, model.tokenizerConfigFile);
}

/** One pass of a model over texts, or over pairs of texts. */
export interface TextPassInput<T> {
  readonly stage: StageName;
  readonly model: LocatedModel;
  /** Whether pooled vectors are scaled to length 1. */
  readonly normalize: boolean;
  readonly count: number;
  /** Every item in order: read once, for its length alone. */
  readonly items: AsyncIterable<T> | Iterable<T>;
  /** The item of a row, asked for again when its batch is due. */
  readonly item: (row: number) => T | Promise<T>;
  readonly encode: (tokenizer: Tokenizer, item: T) => TokenizedText;
  /** What a row is called in messages, such as a chunk's id. */
  readonly nameOf: (row: number) => Promise<string>;
  readonly settings: Settings;
  /** Most rows of a batch; null or absent for the usual limit. */
  readonly maxRows?: number | null;
  /** Rows kept over runs, and the text that a row is kept under; none by default. */
  readonly kept?: { readonly rows: KeptRows; readonly text: (item: T) => string } | null;
  /** What items are called in the progress line. */
  readonly unit: string;
}

/**
 * Tokenises every item for its length, plans, and runs the model over all of them;
 * see {@link runPass}. Tokens are made again when their batch is due, which costs
 * under a hundredth of the inference and keeps memory flat.
 *
 * @throws RagError those of {@link runPass}
 */
export async function runTextPass<T>(work: StageWork, input: TextPassInput<T>): Promise<Pass> {
  const { stage, model, normalize, count, items, settings, maxRows, kept = null, unit } = input;
  const tokenizer = await tokenizerOf(model);
  const prepare = (item: T) => ({
    tokens: () => input.encode(tokenizer, item),
    hash: kept && createHash("sha256").update(kept.text(item)).digest(),
  });
  return runPass(work, {
    stage,
    model,
    normalize,
    count,
    measure: () => measureTexts(items, count, prepare, kept !== null, work.signal),
    row: async (row) => prepare(await input.item(row)),
    nameOf: input.nameOf,
    padId: tokenizer.padId,
    settings,
    maxRows: maxRows ?? MOST_ROWS,
    kept: kept?.rows ?? null,
    unit,
  });
}

/** A pass over chunks, with the model's document prefix. @throws RagError those of {@link runPass} */
export function runChunkPass(
  work: StageWork,
  chunks: ChunkReader,
  model: LocatedModel,
  options: Pick<TextPassInput<Chunk>, "stage" | "normalize" | "settings"> & { readonly kept: KeptRows | null },
): Promise<Pass> {
  const { kept, ...rest } = options;
  return runTextPass(work, {
    ...rest,
    model,
    count: chunks.count,
    items: chunks.range(),
    item: (row) => chunks.read(row),
    nameOf: async (row) => (await chunks.read(row)).id,
    encode: (tokenizer, { text }) => tokenizer.encode(model.card.documentPrefix + text, model.maxTokens),
    kept: kept && { rows: kept, text: ({ text }) => text },
    unit: "chunks",
  });
}

/** A pass over queries, with the model's query prefix; queries that were cut are noted. */
export async function runQueryPass(
  work: StageWork,
  model: LocatedModel,
  queries: readonly Query[],
  options: { readonly normalize: boolean; readonly settings: Settings },
): Promise<Pass> {
  const pass = await runTextPass(work, {
    stage: "fuse",
    model,
    ...options,
    count: queries.length,
    items: queries,
    item: (row) => queries[row] as Query,
    nameOf: async (row) => (queries[row] as Query).id,
    encode: (tokenizer, query) => tokenizer.encode(model.card.queryPrefix + query.text, model.maxTokens),
    unit: "queries",
  });
  const { truncated } = pass.plan;
  if (truncated > 0) {
    const cut = `${model.card.key} cut ${truncated} queries to its limit of ${model.maxTokens} tokens.`;
    work.note("truncated", cut, truncated);
  }
  return pass;
}

/** Reads every item once. Lets the event loop turn in between. @throws whatever the signal aborts with */
async function measureTexts<T>(
  items: AsyncIterable<T> | Iterable<T>,
  count: number,
  prepare: (item: T) => PreparedRow,
  hashed: boolean,
  signal: AbortSignal,
): Promise<Measured> {
  const lengths = new Uint32Array(count);
  const hashes = hashed ? new Uint8Array(count * 32) : null;
  let truncated = 0;
  let lostTokens = 0;
  let row = 0;
  const pace = pacer(signal);
  for await (const item of items) {
    const { tokens, hash } = prepare(item);
    if (hash) hashes?.set(hash, row * 32);
    const { ids, lost } = tokens();
    lengths[row++] = ids.length;
    if (lost > 0) truncated++;
    lostTokens += lost;
    const turn = pace();
    if (turn) await turn;
  }
  return { lengths, truncated, lostTokens, hashes };
}
