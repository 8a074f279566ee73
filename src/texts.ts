import { type Pass, runPass } from "./pass.js";
import { pacer } from "./runtime/pace.js";
import { loadTokenizer, type Tokenizer } from "./runtime/tokenizer.js";
import type { TokenizedText } from "./runtime/types.js";
import type { LocatedModel } from "./schema/model-types.js";
import type { Settings } from "./schema/settings-types.js";
import type { Query, StageName } from "./schema/types.js";
import type { StageWork } from "./stage.js";

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
  readonly settings: Pick<Settings, "tokenBudget" | "threads">;
  /** Most rows of a batch; default 256. */
  readonly maxRows?: number;
  /** What items are called in the progress line. */
  readonly unit: string;
}

/** A finished pass, and what truncation took from its texts. */
export interface TextPass extends Pass {
  readonly truncated: number;
  readonly lostTokens: number;
}

/**
 * Tokenises every item for its length, plans, and runs the model over all of them;
 * see {@link runPass}. Tokens are made again when their batch is due, which costs
 * under a hundredth of the inference and keeps memory flat.
 *
 * @throws RagError those of {@link runPass}
 */
export async function runTextPass<T>(work: StageWork, input: TextPassInput<T>): Promise<TextPass> {
  const { stage, model, normalize, count, items, settings, maxRows = 256, unit } = input;
  const tokenizer = await tokenizerOf(model);
  const encode = (item: T) => input.encode(tokenizer, item);
  const measured = await work.recorder.timed("tokenize", () => measureTexts(items, count, encode, work.signal));
  const pass = await runPass(work, {
    stage,
    model,
    normalize,
    lengths: measured.lengths,
    tokens: async (row) => encode(await input.item(row)),
    padId: tokenizer.padId,
    tokenBudget: settings.tokenBudget,
    maxRows,
    threads: settings.threads,
    unit,
  });
  return { ...pass, truncated: measured.truncated, lostTokens: measured.lostTokens };
}

/** A pass over queries, with the model's query prefix; queries that were cut are noted. */
export async function runQueryPass(
  work: StageWork,
  model: LocatedModel,
  queries: readonly Query[],
  options: { readonly normalize: boolean; readonly settings: Pick<Settings, "tokenBudget" | "threads"> },
): Promise<TextPass> {
  const pass = await runTextPass(work, {
    stage: "fuse",
    model,
    ...options,
    count: queries.length,
    items: queries,
    item: (row) => queries[row] as Query,
    encode: (tokenizer, query) => tokenizer.encode(model.card.queryPrefix + query.text, model.maxTokens),
    unit: "queries",
  });
  if (pass.truncated > 0) {
    const cut = `${model.card.key} cut ${pass.truncated} queries to its limit of ${model.maxTokens} tokens.`;
    work.note("truncated", cut, pass.truncated);
  }
  return pass;
}

interface Measured {
  /** Tokens of each row after truncation, special tokens included. */
  readonly lengths: Uint32Array;
  readonly truncated: number;
  readonly lostTokens: number;
}

/** Lets the event loop turn in between. @throws whatever the signal aborts with */
async function measureTexts<T>(
  items: AsyncIterable<T> | Iterable<T>,
  count: number,
  encode: (item: T) => TokenizedText,
  signal: AbortSignal,
): Promise<Measured> {
  const lengths = new Uint32Array(count);
  let truncated = 0;
  let lostTokens = 0;
  let row = 0;
  const pace = pacer(signal);
  for await (const item of items) {
    const { ids, lost } = encode(item);
    lengths[row++] = ids.length;
    if (lost > 0) truncated++;
    lostTokens += lost;
    const turn = pace();
    if (turn) await turn;
  }
  return { lengths, truncated, lostTokens };
}
