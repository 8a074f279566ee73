import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { between, seeded } from "./random.ts";
import { scratch } from "./table-model.ts";

type Json = Record<string, unknown>;

/** Writes a tokenizer as the hub lays it out; returns the two paths. */
export function writeTokenizer(
  json: Json | string,
  config: Json | string = {},
  folder = scratch(),
): [tokenizer: string, config: string] {
  const files = [join(folder, "tokenizer.json"), join(folder, "tokenizer_config.json")] as [string, string];
  [json, config].forEach((value, i) => {
    writeFileSync(files[i] as string, typeof value === "string" ? value : JSON.stringify(value));
  });
  return files;
}

function addedTokens(tokens: Readonly<Record<string, number>>): Json[] {
  return Object.entries(tokens).map(([content, id]) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
}

const special = (id: string, type: number) => ({ SpecialToken: { id, type_id: type } });
const text = (id: "A" | "B", type: number) => ({ Sequence: { id, type_id: type } });
const template = (ids: Readonly<Record<string, number>>, single: Json[], pair: Json[]) => {
  const tokens = Object.entries(ids).map(([token, id]) => [token, { id: token, ids: [id], tokens: [token] }]);
  return { type: "TemplateProcessing", single, pair, special_tokens: Object.fromEntries(tokens) };
};

export const BERT_TEMPLATE = template(
  { "[CLS]": 2, "[SEP]": 3 },
  [special("[CLS]", 0), text("A", 0), special("[SEP]", 0)],
  [special("[CLS]", 0), text("A", 0), special("[SEP]", 0), text("B", 1), special("[SEP]", 1)],
);

/** `<s> A </s> </s> B </s>`, one segment. */
export const XLMR_TEMPLATE = template(
  { "<s>": 0, "</s>": 1 },
  [special("<s>", 0), text("A", 0), special("</s>", 0)],
  [special("<s>", 0), text("A", 0), special("</s>", 0), special("</s>", 0), text("B", 0), special("</s>", 0)],
);

/** One token behind the text and none before it. */
export const SUFFIX_TEMPLATE = template(
  { "<end>": 33 },
  [text("A", 0), special("<end>", 0)],
  [text("A", 0), special("<end>", 0), text("B", 0), special("<end>", 0)],
);

/** A lower-case BERT tokenizer over given words and pieces. Special ids are 0 to 4: PAD, UNK, CLS, SEP, MASK. */
export function wordPiece(
  pieces: readonly string[],
  postProcessor: Json | null = BERT_TEMPLATE,
  model: Json = {},
): Json {
  const vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ...pieces];
  const ids = Object.fromEntries(vocabulary.map((piece, id) => [piece, id]));
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: addedTokens(Object.fromEntries(vocabulary.slice(0, 5).map((piece, id) => [piece, id]))),
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: postProcessor,
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab: ids,
      ...model,
    },
  };
}

/** A sentencepiece-like tokenizer: one lattice over the whole text, spaces as a mark. */
export function unigram(): Json {
  const pieces: [string, number][] = [
    ["<s>", 0],
    ["</s>", 0],
    ["<unk>", 0],
    ["\u2581", -3],
    ["\u2581the", -4],
    ["\u2581ab", -5],
  ];
  for (const letter of "abcdefghijklmnopqrstuvwxyz") pieces.push([letter, -6], [letter + letter, -8]);
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: addedTokens({ "<s>": 0, "</s>": 1 }),
    normalizer: null,
    pre_tokenizer: { type: "Metaspace", replacement: "\u2581", add_prefix_space: true, prepend_scheme: "always" },
    post_processor: XLMR_TEMPLATE,
    decoder: null,
    model: { type: "Unigram", unk_id: 2, vocab: pieces },
  };
}

/** A byte-level BPE tokenizer as of Qwen or GPT-2; a space belongs to the word behind it. */
export function byteLevel(postProcessor: Json | null): Json {
  const merges: [string, string][] = [
    ["a", "a"],
    ["aa", "aa"],
    ["t", "h"],
    ["th", "e"],
    ["\u0120", "the"],
    ["\u0120", "a"],
  ];
  const letters = [..."abcdefghijklmnopqrstuvwxyz\u0120"];
  const vocabulary = [...letters, ...merges.map(([a, b]) => a + b), "<end>"];
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: addedTokens({ "<end>": vocabulary.length - 1 }),
    normalizer: null,
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: postProcessor,
    decoder: null,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: "",
      end_of_word_suffix: "",
      fuse_unk: false,
      byte_fallback: false,
      vocab: Object.fromEntries(vocabulary.map((piece, id) => [piece, id])),
      merges,
    },
  };
}

/** A seeded vocabulary of made-up words and word pieces, the size of BERT's, and the words for texts. */
export function madeUpVocabulary(size: number, seed: number): { pieces: string[]; words: string[] } {
  const next = seeded(seed);
  const letters = "abcdefghijklmnopqrstuvwxyz";
  const pieces = new Set<string>([...letters].flatMap((letter) => [letter, `##${letter}`]));
  const words: string[] = [];
  while (pieces.size < size) {
    const spelling = Array.from({ length: between(next, 2, 8) }, () => letters[between(next, 0, 25)]).join("");
    const inner = next() < 0.25;
    const piece = inner ? `##${spelling}` : spelling;
    if (!inner && !pieces.has(piece)) words.push(piece);
    pieces.add(piece);
  }
  return { pieces: [...pieces], words };
}
