import { pacer } from "./runtime/pace.js";
import { loadTokenizer, type Tokenizer } from "./runtime/tokenizer.js";
import type { TokenizedText } from "./runtime/types.js";
import type { LocatedModel } from "./schema/model-types.js";

/** What a pass has to know of its texts before it can be planned. */
export interface Measured {
  /** Tokens of each row after truncation, special tokens included. */
  readonly lengths: Uint32Array;
  readonly truncated: number;
  readonly lostTokens: number;
}

/** The tokenizer a located model was trained with. */
export function tokenizerOf(model: LocatedModel): Promise<Tokenizer> {
  return loadTokenizer(model.tokenizerFile, model.tokenizerConfigFile);
}

/**
 * Tokenises every text once for its length alone, so that a plan can be made
 * without holding all tokens: they are made again when their batch is due, which
 * costs under a hundredth of the inference. Lets the event loop turn in between.
 *
 * @throws whatever the signal aborts with
 */
export async function measureTexts<T>(
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
