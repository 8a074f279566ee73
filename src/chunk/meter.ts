import { badChunkOption, badTokenCount, badTokenLimit } from "../core/errors.js";

/** What one model allows. */
export interface TokenLimit {
  /** Names the model in errors. */
  readonly model: string;
  /** Tokens of a text by the model's tokenizer, special tokens included, uncut. */
  count(text: string): number;
  /** Longest input in tokens, special tokens included. */
  readonly max: number;
}

/** How documents are cut. */
export interface SplitOptions {
  /** Tokens, special tokens included, that a chunk of several blocks is filled up to. Default: 256, or the strictest limit where that is less. */
  readonly targetTokens?: number;
  /** Tokens that a chunk repeats from the end of the one before it in its section. Default: 0. */
  readonly overlapTokens?: number;
  /** Longest run of characters, in UTF-16 code units, without a place to break at. Default: 20,000. */
  readonly maxWordLength?: number;
}

/** {@link SplitOptions} after defaults. */
export type ResolvedSplitOptions = Required<SplitOptions>;

/** Tokens of a text by each limit's tokenizer, special tokens not included, in the order of the limits. */
export type Tokens = readonly number[];

/** Counts and compares by all tokenizers at once. */
export interface Meter {
  readonly options: ResolvedSplitOptions;
  /** No text longer than this is counted or made a chunk, in UTF-16 code units. */
  readonly longest: number;
  /** The least size of a part of a sentence, in UTF-16 code units. */
  readonly least: number;
  readonly strictest: TokenLimit;
  count(text: string): Tokens;
  /** Whether a text of so many tokens is within all limits. */
  fits(tokens: Tokens): boolean;
  /** Whether blocks of so many tokens together are still within the target. */
  withinTarget(tokens: Tokens): boolean;
  /** The strictest tokenizer's tokens, special tokens not included. */
  strict(tokens: Tokens): number;
  /** The strictest tokenizer's tokens, special tokens included. */
  total(tokens: Tokens): number;
}

const DEFAULT_TARGET = 256;
const DEFAULT_WORD = 20_000;

/** Tokens of text that a limit must leave room for. */
const LEAST_ROOM = 8;

/** Characters a token may have on average before a text counts as too long without being counted. Text has 3 to 5. */
export const CHARACTERS_PER_TOKEN = 16;

/** About 8 ms of a tokenizer's time. */
const LONGEST_COUNTED = 32_768;

/** The limit that decides `Chunk.tokens`: the smallest, and of equal ones the first. */
export function strictestLimit(limits: readonly TokenLimit[]): TokenLimit {
  const [first, ...rest] = limits;
  if (!first) throw badChunkOption("limits", [], "a list of at least one model's length limit");
  return rest.reduce((least, limit) => (limit.max < least.max ? limit : least), first);
}

/**
 * Options after defaults, checked against the limits.
 *
 * @throws RagError `bad_chunk_option`
 */
export function resolveSplitOptions(limits: readonly TokenLimit[], options: SplitOptions = {}): ResolvedSplitOptions {
  const { model, max } = strictestLimit(limits);
  const { targetTokens = Math.min(DEFAULT_TARGET, max), overlapTokens = 0, maxWordLength = DEFAULT_WORD } = options;
  const whole = (name: string, value: unknown, least: number, most: number, why: string) => {
    const good = Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
    if (!good) throw badChunkOption(name, value, `a whole number from ${least} to ${most}${why}`);
  };
  whole("targetTokens", targetTokens, LEAST_ROOM, max, `, the limit of ${model}`);
  whole("overlapTokens", overlapTokens, 0, Math.floor(targetTokens / 2), ", half of targetTokens");
  whole("maxWordLength", maxWordLength, 100, 1_000_000, "");
  return { targetTokens, overlapTokens, maxWordLength };
}

/**
 * A meter over the limits of all models that chunks are for.
 *
 * @throws RagError `bad_chunk_option`, `bad_token_limit`; from its functions `bad_token_count`
 */
export function createMeter(limits: readonly TokenLimit[], options: SplitOptions = {}): Meter {
  const strictest = strictestLimit(limits);
  const at = limits.indexOf(strictest);
  const special = limits.map((limit) => countBy(limit, ""));
  limits.forEach(({ model, max }, i) => {
    const needed = (special[i] as number) + LEAST_ROOM;
    if (!Number.isInteger(max) || max < needed) throw badTokenLimit(model, max, needed);
  });
  const resolved = resolveSplitOptions(limits, options);
  const { targetTokens, overlapTokens } = resolved;
  const room = limits.map(({ max }, i) => max - (special[i] as number));
  const target = room.map((most, i) =>
    Math.min(most - overlapTokens, i === at ? targetTokens - (special[i] as number) : Number.POSITIVE_INFINITY),
  );
  const within = (tokens: Tokens, most: readonly number[]) => tokens.every((count, i) => count <= (most[i] as number));
  const strict = (tokens: Tokens) => tokens[at] as number;
  return {
    options: resolved,
    longest: Math.min(LONGEST_COUNTED, CHARACTERS_PER_TOKEN * (room[at] as number)),
    least: Math.max(1, Math.floor(targetTokens / 8)),
    strictest,
    count: (text) => limits.map((limit, i) => countBy(limit, text) - (special[i] as number)),
    fits: (tokens) => within(tokens, room),
    withinTarget: (tokens) => within(tokens, target),
    strict,
    total: (tokens) => strict(tokens) + (special[at] as number),
  };
}

function countBy(limit: TokenLimit, text: string): number {
  const tokens = limit.count(text);
  if (!Number.isInteger(tokens) || tokens < 0) throw badTokenCount(limit.model, tokens);
  return tokens;
}
