import type { ModelCard } from "../schema/model-types.js";
import { denseRows } from "./registry-dense.js";
import { rerankRows } from "./registry-rerank.js";
import { sparseRows } from "./registry-sparse.js";

/**
 * Every model this library knows, one row each. `revision` is null where no
 * commit was verified: the run then records a hash of the files themselves.
 * Frozen, since every session of a kernel reads the same rows.
 */
export const registryRows: readonly ModelCard[] = frozen([...denseRows, ...sparseRows, ...rerankRows]);

function frozen<T>(value: T): T {
  if (typeof value === "object" && value !== null) Object.values(value).forEach(frozen);
  return Object.freeze(value);
}

/** Other names a row answers to: where its weights come from, and what the row was called elsewhere. */
export const otherNames: Readonly<Record<string, readonly string[]>> = {
  "all-minilm-l6-v2": ["all-miniLM-l6", "sentence-transformers/all-MiniLM-L6-v2"],
  "bge-small-en-v1.5": ["BAAI/bge-small-en-v1.5"],
  "bge-base-en-v1.5": ["BAAI/bge-base-en-v1.5"],
  "e5-small-v2": ["intfloat/e5-small-v2"],
  "multilingual-e5-small": ["intfloat/multilingual-e5-small"],
  "gte-small": ["thenlper/gte-small"],
  "jina-embeddings-v2-small-en": ["jinaai/jina-embeddings-v2-small-en"],
  "bge-m3": ["BAAI/bge-m3"],
  "qwen3-embedding-0.6b": ["Qwen/Qwen3-Embedding-0.6B"],
  "nomic-coderank": ["nomic-ai/CodeRankEmbed"],
  "jina-code-embeddings-1.5b": ["jinaai/jina-code-embeddings-1.5b"],
  "splade-pp-en-v1": ["prithivida/Splade_PP_en_v1"],
  "ms-marco-minilm-l-6-v2": ["cross-encoder/ms-marco-MiniLM-L6-v2", "cross-encoder/ms-marco-MiniLM-L-6-v2"],
  "bge-reranker-base": ["BAAI/bge-reranker-base"],
  "bge-reranker-v2-m3": ["BAAI/bge-reranker-v2-m3"],
  "coderank-bi-encoder": ["nomic-ai/CodeRankEmbed"],
};

/** Sizes of the three usual files, where those were seen. */
const three = (fp32: number, fp16: number, int8: number) => ({
  "onnx/model.onnx": fp32,
  "onnx/model_fp16.onnx": fp16,
  "onnx/model_quantized.onnx": int8,
});

/** About how many bytes a file has, by hub id and path, where that was seen: for messages, never for checks. */
export const roughSizes: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  "Xenova/all-MiniLM-L6-v2": three(90.4e6, 45.3e6, 23e6),
  "Qdrant/all-MiniLM-L6-v2-onnx": { "model.onnx": 90.4e6 },
  "Xenova/bge-small-en-v1.5": three(133e6, 66.7e6, 34e6),
  "Xenova/bge-base-en-v1.5": three(436e6, 218e6, 110e6),
  "Xenova/e5-small-v2": three(133e6, 66.7e6, 34e6),
  "Xenova/multilingual-e5-small": three(470e6, 235e6, 118e6),
  "Xenova/gte-small": three(133e6, 66.7e6, 34e6),
  "Snowflake/snowflake-arctic-embed-xs": three(90.4e6, 45.3e6, 23e6),
  "nomic-ai/nomic-embed-text-v1.5": three(547e6, 274e6, 137e6),
  "Xenova/jina-embeddings-v2-small-en": three(130e6, 65e6, 32.8e6),
  "mixedbread-ai/mxbai-embed-large-v1": three(1.34e9, 669e6, 337e6),
  "Xenova/bge-m3": { ...three(607e3, 1.13e9, 570e6), "onnx/model.onnx_data": 2.27e9 },
  "Qdrant/Qwen3-Embedding-0.6B-onnx": {
    "onnx/model.onnx": 4.03e6,
    "onnx/model.onnx_data": 2.38e9,
    "onnx/model_quantized.onnx": 1.12e9,
  },
  "Qdrant/Splade_PP_en_v1": { "model.onnx": 532e6 },
  "Qdrant/all_miniLM_L6_v2_with_attentions": { "model.onnx": 91e6 },
  "Xenova/ms-marco-MiniLM-L-6-v2": three(91e6, 45.6e6, 23.1e6),
  "jinaai/jina-reranker-v1-turbo-en": three(151e6, 75.8e6, 38.3e6),
  "Xenova/bge-reranker-base": three(1.11e9, 556e6, 279e6),
  "mixedbread-ai/mxbai-rerank-xsmall-v1": { "onnx/model.onnx": 284e6, "onnx/model_quantized.onnx": 87.2e6 },
  "onnx-community/bge-reranker-v2-m3-ONNX": {
    "onnx/model.onnx_data": 2.27e9,
    "onnx/model_fp16.onnx": 1.14e9,
    "onnx/model_quantized.onnx": 571e6,
  },
};
