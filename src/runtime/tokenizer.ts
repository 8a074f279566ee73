import { Tokenizer as Library } from "@huggingface/tokenizers";
import { badTokenizer, RagError, tokenLimitTooSmall } from "../core/errors.js";
import { readJsonObject } from "./json-file.js";
import { pieces } from "./pieces.js";
import { type Template, templateOf } from "./template.js";
import type { TokenBatch, TokenizedText } from "./types.js";
import { byWords, splitsAtSpaces } from "./words.js";

/**
 * Turns text into token ids as the model's authors do, and truncates as they mean
 * it: the text is cut, special tokens never. A lone surrogate, which UTF-8 can't
 * hold, is read as U+FFFD: the vector is then that of the text as it is exported.
 */
export interface Tokenizer {
  /** What a row is filled up with; 0 where the files name no padding token. Masked, so it decides nothing. */
  readonly padId: number;
  /** Special tokens around one text. */
  readonly specialTokens: number;
  /**
   * One text with its special tokens, at most `maxTokens` long; what is cut off its end is counted.
   *
   * @throws RagError `token_limit_too_small` where no token of the text would fit
   */
  encode(text: string, maxTokens: number): TokenizedText;
  /**
   * A query and a passage in the model's form for pairs, at most `maxTokens` long. The passage is cut; the query is
   * cut only where it takes more than half of the room beside the special tokens, and then never below that half, so
   * that no passage is lost to a long query. `lost` counts both. An empty passage is none, as in transformers.
   *
   * @throws RagError `token_limit_too_small`, and `bad_tokenizer` where the tokenizer has no form for pairs
   */
  encodePair(query: string, passage: string, maxTokens: number): TokenizedText;
  /** How many tokens a text has, special tokens included, uncut. Words seen before cost a look-up. */
  count(text: string): number;
  /** The text of a token id, such as a term of a SPLADE vector; undefined outside the vocabulary. */
  tokenOf(id: number): string | undefined;
}

/** The largest tokenizer.json known (Gemma's 256,000 pieces) has 33 MB. */
const MAX_TOKENIZER_BYTES = 128 * 2 ** 20;
const MAX_CONFIG_BYTES = 16 * 2 ** 20;

/**
 * Loads `tokenizer.json` and `tokenizer_config.json`. Truncation and padding that
 * stand in the files are ignored: their limits are often not the model's.
 *
 * @throws RagError `bad_tokenizer`
 */
export async function loadTokenizer(tokenizerFile: string, configFile: string): Promise<Tokenizer> {
  const json = await readJsonObject(tokenizerFile, MAX_TOKENIZER_BYTES);
  const config = await readJsonObject(configFile, MAX_CONFIG_BYTES);
  try {
    return tokenizer(json, config, tokenizerFile);
  } catch (error) {
    throw error instanceof RagError
      ? error
      : badTokenizer(tokenizerFile, error instanceof Error ? error.message : String(error));
  }
}

function tokenizer(json: Record<string, unknown>, config: Record<string, unknown>, file: string): Tokenizer {
  const library = new Library(json, config);
  const single = templateFor(library, json, false);
  if (!single) throw new RangeError("its post-processor does not give back a text once");
  const pair = templateFor(library, json, true);

  const idsOf = (text: string): readonly number[] => {
    const { ids } = library.encode(text, { add_special_tokens: false });
    if (ids.includes(undefined as unknown as number))
      throw badTokenizer(file, "a piece of text is not in its vocabulary, and it has no unknown token");
    return ids;
  };
  const keepSpaces = keepsSpaces(json);
  const inPieces = (text: string): number[] => {
    const all: number[] = [];
    for (const piece of pieces(text, keepSpaces)) for (const id of idsOf(piece)) all.push(id);
    return all;
  };
  const words = splitsAtSpaces(json)
    ? byWords(idsOf)
    : { ids: inPieces, count: (text: string) => inPieces(text).length };

  const encode = (text: string, maxTokens: number): TokenizedText => {
    const room = roomIn(maxTokens, single);
    const ids = words.ids(wellFormed(text));
    return assemble(single, ids.slice(0, room), [], Math.max(0, ids.length - room));
  };

  return {
    padId: padIdOf(library, json, config),
    specialTokens: single.special,
    encode,
    encodePair(query, passage, maxTokens) {
      if (!pair)
        throw badTokenizer(file, "its post-processor has no form for a pair of texts, which a cross-encoder needs");
      if (passage === "") return encode(query, maxTokens);
      const room = roomIn(maxTokens, pair);
      const first = words.ids(wellFormed(query));
      const second = words.ids(wellFormed(passage));
      const forQuery = Math.min(first.length, Math.max(Math.ceil(room / 2), room - second.length));
      const forPassage = Math.min(second.length, room - forQuery);
      const lost = first.length - forQuery + second.length - forPassage;
      return assemble(pair, first.slice(0, forQuery), second.slice(0, forPassage), lost);
    },
    count: (text) => words.count(wellFormed(text)) + single.special,
    tokenOf: (id) => library.id_to_token(id),
  };
}

function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, "\ufffd");
}

function roomIn(maxTokens: number, template: Template): number {
  const room = maxTokens - template.special;
  if (!(room >= 1)) throw tokenLimitTooSmall(maxTokens, template.special + 1);
  return room;
}

function assemble(
  template: Template,
  first: readonly number[],
  second: readonly number[],
  lost: number,
): TokenizedText {
  const { before, between, after, types } = template;
  const ids = Int32Array.from([...before, ...first, ...between, ...second, ...after]);
  if (!template.segmented) return { ids, types: null, lost };
  const segments = [
    ...types.before,
    ...first.map(() => types.first),
    ...types.between,
    ...second.map(() => types.second),
    ...types.after,
  ];
  return { ids, types: Uint8Array.from(segments), lost };
}

/** Segment ids of RoBERTa's post-processor are all 0, which the library does not know. */
function templateFor(library: Library, json: Record<string, unknown>, pair: boolean): Template | null {
  const { post_processor: processor } = library;
  const process = (tokens: string[], second: string[] | null) =>
    processor ? processor.post_process(tokens, second, true) : { tokens: [...tokens, ...(second ?? [])] };
  const template = templateOf(process, (token) => library.token_to_id(token), pair);
  const roberta = JSON.stringify(json.post_processor ?? null).includes('"type":"RobertaProcessing"');
  return template && roberta ? { ...template, segmented: false } : template;
}

function padIdOf(library: Library, json: Record<string, unknown>, config: Record<string, unknown>): number {
  const named = config.pad_token as string | { content?: string } | null | undefined;
  const token = typeof named === "string" ? named : named?.content;
  const padding = json.padding as { pad_id?: unknown } | null | undefined;
  const id = (token === undefined ? undefined : library.token_to_id(token)) ?? padding?.pad_id;
  return Number.isInteger(id) ? (id as number) : 0;
}

/** Byte-level BPE reads the space before a word as part of it; others put a mark of their own before a text. */
function keepsSpaces(json: Record<string, unknown>): boolean {
  return JSON.stringify(json.pre_tokenizer ?? null).includes('"type":"ByteLevel"');
}

/**
 * Pads texts to the longest of them, on the right.
 *
 * @returns arrays of `[rows, length]`, row-major; mask 1 at tokens, 0 at padding
 */
export function padBatch(texts: readonly TokenizedText[], padId: number): TokenBatch {
  const rows = texts.length;
  const length = texts.reduce((most, { ids }) => Math.max(most, ids.length), 0);
  const ids = new Int32Array(rows * length).fill(padId);
  const mask = new Uint8Array(rows * length);
  const types = new Uint8Array(rows * length);
  texts.forEach((text, row) => {
    ids.set(text.ids, row * length);
    mask.fill(1, row * length, row * length + text.ids.length);
    if (text.types) types.set(text.types, row * length);
  });
  return { rows, length, ids, mask, types };
}
