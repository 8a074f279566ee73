import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bertOnnx, MINILM } from "../../runtime/lib/bert.ts";
import { between, seeded } from "../../runtime/lib/random.ts";
import { madeUpVocabulary, wordPiece, writeTokenizer } from "../../runtime/lib/tokenizer-files.ts";

/** Where the model of a bench lies, and what it reads. */
export interface DenseBench {
  readonly folder: string;
  readonly onnxFile: string;
  readonly tokenizerFile: string;
  readonly configFile: string;
  readonly texts: readonly string[];
}

/** Longest input, special tokens included. */
export const MAX_TOKENS = 256;

/**
 * Writes a model of MiniLM's shape (6 layers of 384, random weights) as the hub lays
 * one out, and makes mixed texts of 30 to 256 tokens. The same seed, the same bytes.
 */
export function writeDenseBench(folder: string, count: number, seed = 7): DenseBench {
  const { pieces, words } = madeUpVocabulary(MINILM.vocabulary - 5, seed);
  const onnxFile = join(folder, "onnx/model.onnx");
  mkdirSync(join(folder, "onnx"), { recursive: true });
  writeFileSync(onnxFile, bertOnnx({ ...MINILM, seed }));
  const special = {
    unk_token: "[UNK]",
    sep_token: "[SEP]",
    pad_token: "[PAD]",
    cls_token: "[CLS]",
    mask_token: "[MASK]",
  };
  const config = { ...special, tokenizer_class: "BertTokenizer", model_max_length: MAX_TOKENS, do_lower_case: true };
  const [tokenizerFile, configFile] = writeTokenizer(wordPiece(pieces), config, folder);
  const bert = {
    architectures: ["BertModel"],
    model_type: "bert",
    vocab_size: MINILM.vocabulary,
    hidden_size: MINILM.hidden,
    num_hidden_layers: MINILM.layers,
    num_attention_heads: MINILM.heads,
    intermediate_size: MINILM.intermediate,
    max_position_embeddings: MINILM.positions,
    type_vocab_size: 2,
    hidden_act: "gelu",
    pad_token_id: 0,
  };
  writeFileSync(join(folder, "config.json"), JSON.stringify(bert));
  const next = seeded(seed);
  // Every word is one token; [CLS] and [SEP] take two of each text's tokens.
  const texts = Array.from({ length: count }, () =>
    Array.from({ length: between(next, 30, MAX_TOKENS) - 2 }, () => words[between(next, 0, words.length - 1)]).join(
      " ",
    ),
  );
  return { folder, onnxFile, tokenizerFile, configFile, texts };
}

/** Floating point operations of all matrix products for `rows` texts padded to `length` tokens: 2 for each multiplication. */
export function productsOf(rows: number, length: number): number {
  const { layers, hidden, intermediate } = MINILM;
  const weights = 4 * hidden ** 2 + 2 * hidden * intermediate;
  return 2 * layers * rows * length * (weights + 2 * length * hidden);
}
