import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ModelCard } from "../../../dist/index.js";
import { type BertShape, bertOnnx } from "../../runtime/lib/bert.ts";
import { between, normals, seeded } from "../../runtime/lib/random.ts";
import { madeUpVocabulary, wordPiece, writeTokenizer } from "../../runtime/lib/tokenizer-files.ts";

/** A model of the bench: BERT's shape, random weights. */
export interface GpuModel {
  readonly key: string;
  readonly shape: Omit<BertShape, "half" | "draw">;
  readonly folder: string;
  readonly onnxFile: string;
  /** As `addModels` takes it. */
  readonly card: ModelCard;
}

/** Layers, and width of a token's state. */
export const SHAPES: readonly (readonly [layers: number, hidden: number])[] = [
  [6, 384],
  [12, 768],
  [24, 1024],
];

const VOCABULARY = 30_522;
/** Weights are drawn from so many normal numbers: 300 million of their own would take half a minute. */
const POOL = 2 ** 20;

/** Writes a model as the hub lays one out. The same seed, the same bytes. */
export function writeGpuModel(
  folder: string,
  [layers, hidden]: readonly [number, number],
  maxTokens: number,
  dtype: "fp16" | "fp32",
): GpuModel {
  const key = `bert-${layers}x${hidden}`;
  const home = join(folder, key);
  const shape = {
    layers,
    hidden,
    heads: hidden / 64,
    intermediate: 4 * hidden,
    vocabulary: VOCABULARY,
    positions: 512,
    seed: hidden,
  };
  mkdirSync(join(home, "onnx"), { recursive: true });
  const name = dtype === "fp16" ? "onnx/model_fp16.onnx" : "onnx/model.onnx";
  const onnxFile = join(home, name);
  writeFileSync(onnxFile, bertOnnx({ ...shape, half: dtype === "fp16", draw: pooled(hidden) }));
  const special = {
    unk_token: "[UNK]",
    sep_token: "[SEP]",
    pad_token: "[PAD]",
    cls_token: "[CLS]",
    mask_token: "[MASK]",
  };
  const { pieces } = madeUpVocabulary(VOCABULARY - 5, 7);
  writeTokenizer(
    wordPiece(pieces),
    { ...special, tokenizer_class: "BertTokenizer", model_max_length: maxTokens, do_lower_case: true },
    home,
  );
  const config = {
    architectures: ["BertModel"],
    model_type: "bert",
    vocab_size: VOCABULARY,
    hidden_size: hidden,
    num_hidden_layers: layers,
    num_attention_heads: shape.heads,
    intermediate_size: shape.intermediate,
    max_position_embeddings: shape.positions,
    type_vocab_size: 2,
    hidden_act: "gelu",
    pad_token_id: 0,
  };
  writeFileSync(join(home, "config.json"), JSON.stringify(config));
  const card: ModelCard = {
    key,
    role: "dense",
    hubId: `bench/${key}`,
    revision: null,
    onnx: { [dtype]: name },
    externalData: {},
    dim: hidden,
    matryoshka: [],
    pooling: "mean",
    queryPrefix: "",
    documentPrefix: "",
    maxTokens,
    parameters: layers * 12 * hidden ** 2 + VOCABULARY * hidden,
    licence: "none",
    commercialUse: true,
    remark: "",
  };
  return { key, shape, folder: home, onnxFile, card };
}

/** Texts of 30 to `maxTokens` tokens, most of them short, as chunks of documents are. */
export function gpuTexts(count: number, maxTokens: number): readonly string[] {
  const { words } = madeUpVocabulary(VOCABULARY - 5, 7);
  const next = seeded(11);
  return Array.from({ length: count }, () => {
    const tokens = 30 + Math.floor((maxTokens - 30) * next() ** 1.5);
    return Array.from({ length: tokens - 2 }, () => words[between(next, 0, words.length - 1)]).join(" ");
  });
}

/** Weights from one pool of normal numbers, beginning anywhere in it. */
function pooled(seed: number): NonNullable<BertShape["draw"]> {
  const pool = normals(seeded(seed), POOL, 1);
  return (next, count, deviation) => {
    const values = new Float32Array(count);
    let from = Math.floor(next() * POOL);
    for (let i = 0; i < count; i++) {
      values[i] = deviation * (pool[from] as number);
      from = from + 1 === POOL ? 0 : from + 1;
    }
    return values;
  };
}
