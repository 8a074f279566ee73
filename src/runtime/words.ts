/** Token ids of a text, or only their number. */
export interface WordIds {
  ids(text: string): number[];
  count(text: string): number;
}

/** Words kept, and the longest of them in UTF-16 code units: lines of a table or code are long words. About 15 MB with real text. */
const MOST_WORDS = 50_000;
const LONGEST_WORD = 256;

/**
 * Whether a tokenizer's tokens never reach over a space, tab or line break, so that
 * words can be tokenised one by one: BERT's, unless an added token holds a space or
 * words of any length are cut into pieces, which takes quadratic time.
 */
export function splitsAtSpaces(json: Record<string, unknown>): boolean {
  const {
    model,
    pre_tokenizer: cut,
    normalizer,
    added_tokens: added,
  } = json as {
    model?: { type?: unknown; max_input_chars_per_word?: unknown };
    pre_tokenizer?: { type?: unknown };
    normalizer?: { type?: unknown } | null;
    added_tokens?: { content?: unknown }[];
  };
  const bert =
    model?.type === "WordPiece" &&
    cut?.type === "BertPreTokenizer" &&
    (normalizer ?? { type: "BertNormalizer" }).type === "BertNormalizer";
  return (
    bert &&
    Number(model.max_input_chars_per_word ?? 100) <= 1000 &&
    !added?.some(({ content }) => /[ \t\n\r]/.test(String(content)))
  );
}

/** Tokenises word by word and remembers the words: text repeats itself, and this makes it 10 to 30 times faster. */
export function byWords(idsOf: (text: string) => readonly number[]): WordIds {
  let known = new Map<string, readonly number[]>();
  const wordIds = (word: string): readonly number[] => {
    if (word.length > LONGEST_WORD) return idsOf(word);
    let ids = known.get(word);
    if (!ids) {
      ids = idsOf(word);
      if (known.size >= MOST_WORDS) known = new Map();
      known.set(word, ids);
    }
    return ids;
  };
  return {
    ids(text) {
      const all: number[] = [];
      for (const word of text.split(/[ \t\n\r]+/)) if (word !== "") for (const id of wordIds(word)) all.push(id);
      return all;
    },
    count(text) {
      let count = 0;
      for (const word of text.split(/[ \t\n\r]+/)) if (word !== "") count += wordIds(word).length;
      return count;
    },
  };
}
