import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after } from "node:test";
import type { Places } from "../../dist/models/locate.js";
import { modelRows } from "../../dist/models/registry.js";
import type { ModelCard } from "../../dist/schema/model-types.js";

/** A root for models, removed after the tests. */
export function tempRoot(): string {
  const root = mkdtempSync(join(tmpdir(), "rag-models-"));
  after(() => rmSync(root, { recursive: true, force: true }));
  return root;
}

/** Roots to look in, with nothing pinned. */
export function placesIn(roots: readonly string[], dtype = "fp32", more: Partial<Places> = {}): Places {
  return { roots, dtype: () => dtype, lockPath: null, memory: new Map(), located: new Map(), ...more };
}

/** Writes files by path, with what they hold. */
export function write(folder: string, files: Readonly<Record<string, string | Uint8Array | object>>): void {
  for (const [path, content] of Object.entries(files)) {
    const to = join(folder, path);
    mkdirSync(dirname(to), { recursive: true });
    writeFileSync(to, typeof content === "string" || content instanceof Uint8Array ? content : JSON.stringify(content));
  }
}

/** A row of our own with external data, for a model that is not in the registry. */
export function testCard(changes: Partial<ModelCard> = {}): ModelCard {
  const card = {
    key: "tiny",
    role: "dense",
    hubId: "acme/tiny-model",
    revision: null,
    onnx: { fp32: "onnx/model.onnx", fp16: "onnx/model_fp16.onnx" },
    externalData: { fp32: ["model.onnx_data"] },
    dim: 8,
    matryoshka: [4],
    pooling: "mean",
    queryPrefix: "",
    documentPrefix: "",
    maxTokens: 64,
    parameters: 100,
    licence: "MIT",
    commercialUse: true,
    remark: "",
    ...changes,
  };
  return modelRows([card]).find(({ key }) => key === card.key) as ModelCard;
}

/** The files of that model, whole. */
export const wholeModel: Readonly<Record<string, string | object>> = {
  "config.json": { model_type: "bert", max_position_embeddings: 512, vocab_size: 100 },
  "tokenizer.json": { version: "1.0", truncation: { max_length: 16 } },
  "tokenizer_config.json": { model_max_length: 128 },
  "onnx/model.onnx": "weights of the model",
  "onnx/model.onnx_data": "more weights",
};
