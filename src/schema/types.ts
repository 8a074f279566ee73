/**
 * The values that stages hand to each other. Every type a cell's variable can
 * have stands here by name, because tslab's compiler must be able to write it
 * down. No zod here: the checks on JSON from disk are in the files beside it.
 */

import type { PrimeFetch } from "./cache-types.js";
import type { DeviceEvent, DeviceReport, LeaseEvent } from "./device-types.js";
import type { RunSetBy } from "./lineage-types.js";
import type { Pooling } from "./model-types.js";

/** The stages, in the order of the journey. */
export type StageName = "prime" | "chunk" | "dense" | "sparse" | "fuse" | "rerank" | "export";

/** Something that did not stop a run but belongs to its result. */
export interface Note {
  /** Stable name, such as `truncated`. */
  readonly code: string;
  /** One sentence for a person. */
  readonly message: string;
  /** How many rows, files or tokens it concerns, where it counts something. */
  readonly count?: number;
}

/** One batch: what a device computes before it waits for its results to be durable. */
export interface BatchRecord {
  /** Its place in the order in which batches came back. */
  readonly index: number;
  readonly model: string;
  readonly device: string;
  readonly rows: number;
  /** Rows that the model computed at once, one micro-batch after another. */
  readonly microBatches: readonly number[];
  /** Tokens that belong to texts. */
  readonly tokens: number;
  /** Tokens computed, padding included. */
  readonly paddedTokens: number;
  /** Seconds inside the model, measured in the inference process. */
  readonly seconds: number;
  /** Seconds since the stage began, at the batch's end. */
  readonly at: number;
}

/** Memory of one device or process over a stage. */
export interface MemorySeries {
  readonly device: string;
  /** What was read, such as "resident set of the inference process". */
  readonly source: string;
  /** How often, such as "at the end of every batch". */
  readonly interval: string;
  /** The hard limit in bytes, or null where none applies. */
  readonly capBytes: number | null;
  /** The largest value seen, in bytes. */
  readonly peakBytes: number;
  /** Seconds since the stage began, and bytes. */
  readonly points: readonly { readonly at: number; readonly bytes: number }[];
}

/** What a stage measured while it ran. */
export interface StageTelemetry {
  /** ISO 8601, UTC. Recorded, never part of an identity. */
  readonly startedAt: string;
  readonly finishedAt: string;
  /** Wall-clock seconds of the whole stage, over all attempts that added to the result. */
  readonly seconds: number;
  /** Where the time went, in seconds: `load`, `encode`, `save`, ... */
  readonly phases: Readonly<Record<string, number>>;
  readonly batches: readonly BatchRecord[];
  readonly memory: readonly MemorySeries[];
  /** What each device did, a report for each model; turns on devices that are shared in turn; what happened there. */
  readonly devices: readonly DeviceReport[];
  readonly leases: readonly LeaseEvent[];
  readonly events: readonly DeviceEvent[];
}

/** A model as a run used it. */
export interface ModelUse {
  /** Registry key, such as `bge-small-en-v1.5`. */
  readonly key: string;
  readonly hubId: string;
  /** The commit, or `content:` and a hash where a folder has none. */
  readonly revision: string;
  /** sha256 of the files that decide results: weights, tokenizer, configuration. */
  readonly fingerprint: string;
  /**
   * The folder that served the files, without a path of this machine: the name of the folder
   * among `modelDirs`, and the way below it, such as `my-models` or `hub/models--acme--tiny/snapshots/1f0c...`.
   */
  readonly servedFrom: string;
  readonly dtype: string;
  readonly device: string;
  /** Longest input in tokens, special tokens included. */
  readonly maxTokens: number;
  readonly pooling: Pooling;
  /** Put before a document's text. */
  readonly documentPrefix: string;
  /** Put before a query's text. */
  readonly queryPrefix: string;
}

/** What every stored run has. */
export interface RunBase<K extends StageName> {
  readonly kind: K;
  /** From content: version, inputs, settings after defaults, model revision. */
  readonly id: string;
  /** The session's name. */
  readonly session: string;
  /** The folder that holds the run's files. */
  readonly dir: string;
  /** True when this call computed nothing. */
  readonly reused: boolean;
  /** Batches that an earlier, interrupted attempt had left behind and this call took over. */
  readonly resumedBatches: number;
  /** Ids of the runs this one was made from, by stage. */
  readonly inputs: Readonly<Partial<Record<StageName | "queries" | "corpus", string | readonly string[]>>>;
  /** Settings after defaults. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Who set each of the settings, and who named each model. */
  readonly setBy: RunSetBy;
  readonly notes: readonly Note[];
  readonly telemetry: StageTelemetry;
}

/** One model of {@link PrimeRun}. */
export interface PrimedModel {
  readonly model: ModelUse;
  readonly role: "dense" | "sparse" | "rerank";
  readonly licence: string;
  readonly commercialUse: boolean;
  readonly files: readonly { readonly path: string; readonly bytes: number; readonly sha256: string }[];
  readonly bytes: number;
}

/** Every model of the session found whole. */
export interface PrimeRun extends RunBase<"prime"> {
  readonly models: readonly PrimedModel[];
  readonly bytes: number;
  /** What this call fetched; null where everything was there. */
  readonly fetched: PrimeFetch | null;
}

/** What a chunk mainly holds. */
export type ContentType = "prose" | "code" | "table" | "list" | "front_matter";

/**
 * One chunk. `text === source.slice(start, end)`, in UTF-16 code units of the
 * document as decoded; its own span is `ownStart .. end`, and `start < ownStart`
 * only where an overlap was asked for.
 */
export interface Chunk {
  readonly id: string;
  /** Path from the corpus root, with `/`. */
  readonly document: string;
  readonly documentId: string;
  /** 0-based position in its document. */
  readonly index: number;
  readonly text: string;
  readonly start: number;
  readonly ownStart: number;
  readonly end: number;
  /** All headings above the chunk, outermost first; empty before the first heading. */
  readonly sectionPath: readonly string[];
  readonly contentType: ContentType;
  /** Tokens by the strictest tokenizer of the session, special tokens included. */
  readonly tokens: number;
  /** Qualities in 0..1: metadata, never a gate. */
  readonly scores: { readonly density: number; readonly structure: number };
}

/** A document as it was read. */
export interface DocumentRecord {
  readonly document: string;
  readonly documentId: string;
  readonly sha256: string;
  readonly bytes: number;
  /** UTF-16 code units. */
  readonly characters: number;
  readonly chunks: number;
}

/** A bin of a histogram: `from <= value < to`. */
export interface Bin {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** The corpus in chunks. Read them with `readChunks(run)`. */
export interface ChunkRun extends RunBase<"chunk"> {
  readonly count: number;
  readonly documents: number;
  readonly characters: number;
  /** Characters in no chunk's own span, by reason (`blank`); what is in neither is an error. */
  readonly accounted: Readonly<Record<string, number>>;
  readonly tokens: number;
  /** Longest chunk allowed, in tokens, and whose limit that is. */
  readonly limit: { readonly tokens: number; readonly model: string };
  /** The models whose limits the chunks keep. */
  readonly models: readonly ModelUse[];
  readonly tokenBins: readonly Bin[];
  readonly contentTypes: Readonly<Record<ContentType, number>>;
  /** Chunks by document, largest first, at most 30. */
  readonly largest: readonly { readonly document: string; readonly chunks: number; readonly tokens: number }[];
}

/** The vectors of one dense model, or the fused ones. */
export interface DenseVectors {
  /** Model key, or `fused`. */
  readonly name: string;
  readonly model: ModelUse | null;
  /** `.npy` file in the run's folder, float32 `[rows, dim]`, each row of length 1. */
  readonly file: string;
  readonly rows: number;
  readonly dim: number;
  /** Smaller dimensions at which the vectors may be cut (and normalised again). */
  readonly matryoshka: readonly number[];
  readonly truncated: number;
  readonly lostTokens: number;
  /** Tokens that the model read; those of reused rows are not in it. */
  readonly tokens: number;
  /** Tokens computed, padding included. */
  readonly paddedTokens: number;
  /** Rows taken from the vector cache in place of being computed; 0 for the fused ones. */
  readonly reused: number;
}

/** One or several dense models over a corpus. Read vectors with `readVectors(run, name)`. */
export interface DenseRun extends RunBase<"dense"> {
  readonly count: number;
  readonly vectors: readonly DenseVectors[];
  /** The vectors that later stages use: the only model's, or the fused ones. */
  readonly primary: string;
  readonly fusion: { readonly method: "none" | "mean" | "concat"; readonly weights: Readonly<Record<string, number>> };
  /** Cosine to the nearest other chunk, of a sample of chunks. */
  readonly nearestBins: readonly Bin[];
}

/** The vectors of one sparse engine. */
export interface SparseVectors {
  /** Model key, or `bm25`. */
  readonly name: string;
  readonly engine: "splade" | "bm25";
  readonly model: ModelUse | null;
  /** What an index means; vectors of two spaces are never combined. */
  readonly space: string;
  readonly rows: number;
  /** Stored terms over all rows. */
  readonly terms: number;
  /** Share of rows with at least one term. */
  readonly coverage: number;
  readonly emptyRows: number;
  readonly truncated: number;
  readonly lostTokens: number;
  /** Rows taken from the vector cache in place of being computed. */
  readonly reused: number;
  /** `.npy` files in the run's folder: int64 indptr, uint32 indices, float32 values. */
  readonly files: { readonly indptr: string; readonly indices: string; readonly values: string };
  /** The vocabulary of an engine without a tokenizer: one term a line, line number = index. */
  readonly vocabulary: string | null;
  readonly termBins: readonly Bin[];
}

/** One or several sparse engines over a corpus. Read vectors with `readSparse(run, name)`. */
export interface SparseRun extends RunBase<"sparse"> {
  readonly count: number;
  readonly vectors: readonly SparseVectors[];
  /** The engine that later stages use. */
  readonly primary: string;
}

/** A stage that is switched off, and by whom. */
export interface Skipped {
  readonly kind: "skipped";
  readonly stage: "sparse" | "rerank";
  readonly reason: "feature_disabled";
  /** Who set the toggle: `default`, `config:config/embedder.json`, `env-file`, `env`, `call`. */
  readonly source: string;
}

/** One query. Its text stays in memory: artefacts carry the id (from a hash) and the length. */
export interface Query {
  readonly id: string;
  readonly text: string;
  readonly source: "operator" | "file" | "generated";
}

/** Queries to search with. */
export interface QuerySet {
  readonly kind: "queries";
  readonly id: string;
  readonly queries: readonly Query[];
  /** `duplicate_queries` where a text was given more than once; it is asked once. */
  readonly notes: readonly Note[];
}

/** A chunk as an answer to a query. */
export interface Candidate {
  /** Row in the chunk run. */
  readonly row: number;
  readonly chunkId: string;
  readonly document: string;
  readonly section: string;
  readonly score: number;
  /** 1-based rank in each source that found it. */
  readonly ranks: Readonly<Record<string, number>>;
}

/** The candidates of one query, best first. */
export interface QueryCandidates {
  readonly queryId: string;
  readonly queryLength: number;
  readonly source: Query["source"];
  readonly candidates: readonly Candidate[];
}

/** Candidates by fusion of dense and sparse ranks. */
export interface FusedRun extends RunBase<"fuse"> {
  readonly method: "rrf" | "minmax" | "single";
  /** Names of the ranked lists that went in, such as `dense:bge-m3`. */
  readonly sources: readonly string[];
  readonly results: readonly QueryCandidates[];
  /** The queries, where this kernel has seen them; null after re-attaching from disk. */
  readonly queries: QuerySet | null;
  /** Share of the fused top 10 that each source had in its own top 10. */
  readonly overlap: Readonly<Record<string, number>>;
}

/** A candidate with its cross-encoder score. */
export interface RankedCandidate extends Candidate {
  /** The model's logit, float32, before any sigmoid. */
  readonly logit: number;
  /** 1-based rank before reranking. */
  readonly before: number;
}

/** The reranked candidates of one query, best first. */
export interface QueryRanking {
  readonly queryId: string;
  readonly queryLength: number;
  readonly source: Query["source"];
  readonly candidates: readonly RankedCandidate[];
}

/** Candidates in a cross-encoder's order. */
export interface RerankRun extends RunBase<"rerank"> {
  readonly model: ModelUse;
  readonly results: readonly QueryRanking[];
  readonly queries: QuerySet | null;
  readonly pairs: number;
  readonly truncated: number;
  readonly lostTokens: number;
  readonly logitBins: readonly Bin[];
}

/** A file of an export. */
export interface Artefact {
  /** Path from the export's folder, with `/`. */
  readonly path: string;
  /** What it is, such as `dense`, `sparse`, `points`, `manifest`. */
  readonly role: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** A collection on disk, read back and verified. */
export interface ExportRun extends RunBase<"export"> {
  /** Where the files are. */
  readonly folder: string;
  readonly collection: string;
  readonly points: number;
  readonly files: readonly Artefact[];
  readonly bytes: number;
  readonly manifest: string;
  /** What the read-back compared, each with what it found. */
  readonly checks: readonly { readonly name: string; readonly passed: boolean; readonly detail: string }[];
}

/** A stored run of any stage. */
export type AnyRun = PrimeRun | ChunkRun | DenseRun | SparseRun | FusedRun | RerankRun | ExportRun;

/** The run type of each stage. */
export interface RunOf {
  readonly prime: PrimeRun;
  readonly chunk: ChunkRun;
  readonly dense: DenseRun;
  readonly sparse: SparseRun;
  readonly fuse: FusedRun;
  readonly rerank: RerankRun;
  readonly export: ExportRun;
}
