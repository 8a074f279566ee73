import { z } from "zod";

const count = () => z.int().min(0);
const seconds = () => z.number().min(0);

const ModelSchema = z
  .object({
    name: z.string().describe("Registry key"),
    hf_model_id: z.string().describe("Hub id of the repository with the ONNX files"),
    revision: z.string().describe("Commit, or content: and a hash where the folder has none"),
    fingerprint: z.string().describe("sha256 over weights, tokenizer and configuration"),
    served_from: z
      .string()
      .describe(
        "Folder that all files of the model were read from: the name of the folder that was searched, and the way below it",
      ),
    precision: z.string().describe("Type of the weights: fp32, fp16, int8"),
    device: z.string().describe("Kind of device that it ran on: cpu, cuda, webgpu, simulated"),
    max_tokens: count().describe("Longest input in tokens, special tokens included"),
  })
  .describe("A model as the run used it");

/** `chunk_run` of the manifest. */
export const ChunkRunSchema = z
  .object({
    run_id: z.string().describe("Id of the chunk run"),
    documents: count().describe("Documents read"),
    chunks: count().describe("Chunks made"),
    characters: count().describe("UTF-16 code units in all documents"),
    tokens: count().describe("Tokens in all chunks, by the strictest tokenizer of the session"),
    token_limit: count().describe("Longest chunk allowed, in tokens"),
    token_limit_model: z.string().describe("Whose limit that is"),
    accounted_characters: z.record(z.string(), count()).describe("Characters in no chunk, by reason"),
    content_types: z.record(z.string(), count()).describe("Chunks by what they mainly hold"),
    processing_time_seconds: seconds().describe("Wall-clock seconds of the chunk stage alone"),
  })
  .describe("The chunk stage");

const DenseVectorsSchema = z
  .object({
    name: z.string().describe("Model key, or fused"),
    model: ModelSchema.nullable().describe("Null for the fused vectors"),
    dimension: count().describe("Numbers in a vector, as exported"),
    vectors: count().describe("Rows"),
    tokens: count().describe("Tokens that the model read, padding and reused vectors left out"),
    padded_tokens: count().describe("Tokens computed, padding included"),
    truncated_chunks: count().describe("Chunks longer than the model reads"),
    lost_tokens: count().describe("Tokens cut off"),
    reused_vectors: count().describe("Vectors taken from the vector cache in place of being computed"),
  })
  .describe("The vectors of one model, or the fused ones");

/** `dense_run` of the manifest. */
export const DenseRunSchema = z
  .object({
    run_id: z.string().describe("Id of the dense run"),
    total_embeddings_generated: count().describe("Chunks embedded; each model made as many vectors"),
    embedding_dimension: count().describe("Dimension of the primary vectors"),
    processing_time_seconds: seconds().describe("Wall-clock seconds of the dense stage alone, all models and fusion"),
    chunks_per_second: seconds().describe("Chunks over processing_time_seconds"),
    gpu_count: count().describe("GPUs that computed"),
    model_used: z.string().describe("Name of the primary vectors: the only model, or fused"),
    backend: z.literal("onnxruntime").describe("What ran the models"),
    precision: z.string().describe("Types of the weights, joined by +"),
    embedding_memory_mb: seconds().describe("Size of the primary vectors in 10^6 bytes"),
    memory_per_chunk_kb: seconds().describe("Size of one primary vector in 10^3 bytes"),
    ensemble_mode: z.literal("exclusive").describe("One model at a time"),
    models_executed: z.array(z.string()).describe("Models in the order they ran"),
    lease_events: z
      .array(
        z.object({
          event_type: z.enum(["acquire", "release"]).describe("Taken, or given back once every process on it was gone"),
          model: z.string().describe("The model that it was taken for"),
          device: z.string().describe("The device"),
          waited_seconds: seconds().describe("Seconds that others had it first"),
          held_seconds: seconds().describe("Seconds until it was given back"),
          used_bytes: z.number().min(0).nullable().describe("Memory in use at that moment; null where nothing tells"),
        }),
      )
      .describe("Device leases taken and given back; empty on the CPU"),
    total_batches_executed: count().describe("Batches of all models"),
    primary_batches_processed: count().describe("Batches of the first model"),
    batches_per_model: z.record(z.string(), count()).describe("Batches by model"),
    resumed_batches: count().describe("Batches taken over from an interrupted attempt"),
    fusion: z
      .object({
        method: z.enum(["none", "mean", "concat"]).describe("How several models became one vector"),
        weights: z.record(z.string(), z.number()).describe("Weight of each model"),
      })
      .describe("The fused vectors"),
    vectors: z.array(DenseVectorsSchema).describe("All vectors of the run"),
  })
  .describe("The dense stage; no other stage's time is in its numbers");

const SparseVectorCountsSchema = z.object({
  total: count().describe("Rows"),
  available: count().describe("Rows with at least one term"),
  coverage_ratio: z.number().min(0).max(1).describe("available over total, 4 decimals"),
});

const SparseEngineSchema = z
  .object({
    name: z.string().describe("Model key, or bm25"),
    engine: z.string().describe("splade or bm25"),
    model: ModelSchema.nullable().describe("Null for an engine without weights"),
    space: z.string().describe("What an index means; two spaces are never combined"),
    terms: count().describe("Stored terms over all rows"),
    vectors: SparseVectorCountsSchema.describe("How many rows have terms"),
    truncated_chunks: count().describe("Chunks longer than the model reads"),
    lost_tokens: count().describe("Tokens cut off"),
    reused_vectors: count().describe("Vectors taken from the vector cache in place of being computed"),
  })
  .describe("The vectors of one sparse engine");

const sparsePayload = {
  run_id: z.string().describe("Id of the sparse run"),
  models: z.array(z.string()).describe("Engines in the order they ran"),
  vectors: SparseVectorCountsSchema.describe("Counts of the primary engine"),
  fallback_used: z.boolean().describe("Whether any row's vector came from somewhere else than its engine"),
  fallback_count: count().describe("How many rows did"),
  latency_ms: seconds().describe("Milliseconds of the sparse stage alone"),
  device: z.string().describe("Where the primary engine ran"),
  devices: z.record(z.string(), z.string()).describe("Where each engine ran"),
  success: z.boolean().describe("Whether the stage finished"),
  reason: z.string().describe("Why the section is as it is"),
};

/** `sparse_run` of the manifest. */
export const SparseRunSchema = z
  .object({
    enabled: z.boolean().describe("The toggle"),
    executed: z.boolean().describe("Whether the stage ran"),
    ...sparsePayload,
    engines: z.array(SparseEngineSchema).describe("All engines of the run, each with an index space of its own"),
    payload: z.object(sparsePayload).describe("The same numbers nested, for readers of v4.1"),
  })
  .describe("The sparse stage; absent where it is off");

/** `fusion_run` of the manifest. */
export const FusionRunSchema = z
  .object({
    run_id: z.string().describe("Id of the fused run"),
    method: z.enum(["rrf", "minmax", "single"]).describe("How ranked lists became one"),
    sources: z.array(z.string()).describe("Ranked lists that went in"),
    queries: count().describe("Queries searched with"),
    candidate_count: count().describe("Candidates over all queries"),
    overlap: z.record(z.string(), z.number()).describe("Share of the fused top 10 that each source had in its own"),
    latency_ms: seconds().describe("Milliseconds of the fusion stage alone"),
  })
  .describe("Candidates for the queries");

const DeviceStateSchema = z.object({
  requested: z.string().describe("Device asked for"),
  resolved: z.string().describe("Device that computed"),
  fallback_applied: z.boolean().describe("Whether the two differ"),
});

const RankingSchema = z
  .object({
    query_id: z.string().describe("From the query's hash; its text is in no artefact"),
    query_length: count().describe("UTF-16 code units"),
    query_source: z.string().describe("operator, file or generated"),
    candidate_ids: z.array(z.string()).describe("Chunk ids, best first"),
    scores: z.array(z.number()).describe("Logits, float32, before any sigmoid"),
  })
  .describe("The ranking of one query");

const rerankPayload = {
  run_id: z.string().describe("Id of the rerank run"),
  status: z.literal("executed").describe("What became of the stage"),
  latency_ms: seconds().describe("Milliseconds of the rerank stage alone, loading included"),
  batch_size: count().describe("Most pairs that the model computed at once"),
  initial_candidate_count: count().describe("Pairs of query and candidate that were scored"),
  result_count: count().describe("Candidates kept over all queries"),
  candidate_ids: z.array(z.string()).describe("Chunk ids of the first query, best first"),
  scores: z.array(z.number()).describe("Their logits"),
  device_state: DeviceStateSchema.describe("Device asked for and used"),
  fallback_count: count().describe("Queries ranked by something else than the model"),
};

/** `rerank_run` of the manifest. */
export const RerankRunSchema = z
  .object({
    enabled: z.boolean().describe("The toggle"),
    model_name: z.string().describe("Registry key of the cross-encoder"),
    model: ModelSchema,
    loaded: z.boolean().describe("Whether the model was loaded"),
    executed: z.boolean().describe("Whether the stage ran"),
    device: z.string().describe("Where it ran"),
    metrics: z
      .object({
        top_k_candidates: count().describe("Candidates per query that the model was given, at most"),
        rerank_top_k: count().describe("Candidates per query that were kept, at most"),
        batch_size: count().describe("Most pairs that the model computed at once"),
      })
      .describe("Sizes of the stage"),
    queries: count().describe("Queries ranked"),
    candidate_count: count().describe("The same as result_count"),
    truncated_pairs: count().describe("Passages shortened to the model's limit"),
    lost_tokens: count().describe("Tokens cut off"),
    ...rerankPayload,
    payload: z
      .object({
        ...rerankPayload,
        results: z.array(RankingSchema).describe("Rankings of the first queries; all of them are in the rerank file"),
      })
      .describe("The same numbers nested, for readers of v4.1, and rankings"),
  })
  .describe("The rerank stage; absent where it is off. No query and no chunk text");

/** A model in the manifest. */
export type ManifestModel = z.infer<typeof ModelSchema>;
/** `chunk_run` of the manifest. */
export type ManifestChunkRun = z.infer<typeof ChunkRunSchema>;
/** `dense_run` of the manifest. */
export type ManifestDenseRun = z.infer<typeof DenseRunSchema>;
/** `sparse_run` of the manifest. */
export type ManifestSparseRun = z.infer<typeof SparseRunSchema>;
/** `fusion_run` of the manifest. */
export type ManifestFusionRun = z.infer<typeof FusionRunSchema>;
/** `rerank_run` of the manifest. */
export type ManifestRerankRun = z.infer<typeof RerankRunSchema>;
