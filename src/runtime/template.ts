/** Special tokens and segment ids around one text or a pair, as a tokenizer's post-processor sets them. */
export interface Template {
  /** Ids before the text, between the texts of a pair, and behind. */
  readonly before: readonly number[];
  readonly between: readonly number[];
  readonly after: readonly number[];
  /** Segment ids: of `before`, the text, `between`, the second text, `after`. */
  readonly types: {
    readonly before: readonly number[];
    readonly first: number;
    readonly between: readonly number[];
    readonly second: number;
    readonly after: readonly number[];
  };
  /** How many special tokens there are. */
  readonly special: number;
  /** Whether any segment id is not 0. */
  readonly segmented: boolean;
}

/** What a post-processor makes of tokens. */
export interface Processed {
  readonly tokens: readonly string[];
  readonly token_type_ids?: readonly number[];
}

// No vocabulary has tokens with a NUL in them, so these can't be mistaken for special tokens.
const FIRST = "\u0000first";
const SECOND = "\u0000second";

/**
 * Finds what a post-processor puts around texts by giving it one placeholder a
 * text: works for BERT, RoBERTa, XLM-R, suffix-only and no special tokens alike.
 *
 * @returns null where the texts don't come back once each and in order, as from a post-processor without a form for pairs
 * @throws RangeError for a special token that the vocabulary lacks
 */
export function templateOf(
  process: (tokens: string[], pair: string[] | null) => Processed,
  idOf: (token: string) => number | undefined,
  pair: boolean,
): Template | null {
  const { tokens, token_type_ids: segments = tokens.map(() => 0) } = process([FIRST], pair ? [SECOND] : null);
  const first = tokens.indexOf(FIRST);
  const second = pair ? tokens.indexOf(SECOND) : tokens.length;
  const once = tokens.filter((token) => token === FIRST || token === SECOND).length === (pair ? 2 : 1);
  if (!once || first < 0 || second <= first) return null;
  const ids = (from: number, to: number) =>
    tokens.slice(from, to).map((token) => {
      const id = idOf(token);
      if (id === undefined)
        throw new RangeError(`its post-processor adds ${JSON.stringify(token)}, which is not in its vocabulary`);
      return id;
    });
  return {
    before: ids(0, first),
    between: ids(first + 1, second),
    after: ids(second + 1, tokens.length),
    types: {
      before: segments.slice(0, first),
      first: segments[first] ?? 0,
      between: segments.slice(first + 1, second),
      second: segments[second] ?? 0,
      after: segments.slice(second + 1),
    },
    special: tokens.length - (pair ? 2 : 1),
    segmented: segments.some((segment) => segment !== 0),
  };
}
