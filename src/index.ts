/**
 * rag-cells: a folder of documents becomes a searchable, verified collection, one
 * notebook cell a stage. This is the only door: every verb and every public type.
 */

export { type PurgeOptions, purgeCache } from "./cache/purge.js";
export { cacheStats } from "./cache/stats.js";
export type { HistoryRow, HistoryTable, RunsTable } from "./charts/tables.js";
export { type ChunkOptions, chunk } from "./chunk/run.js";
export { RagError } from "./core/errors.js";
export type { Matrix } from "./core/matrix.js";
export type { SparseMatrix, SparseVector } from "./core/sparse-matrix.js";
export { type DenseOptions, runDense } from "./dense/run.js";
export { doctor } from "./doctor/run.js";
export { explain } from "./explain.js";
export { type ExportOptions, exportCollection } from "./export/run.js";
export { type HeadingSample, queries, queriesFromFile, queriesFromHeadings } from "./fuse/queries.js";
export { type FuseOptions, fuse } from "./fuse/run.js";
export { history, latest, listModels, readChunks, readSparse, readVectors, show, streamChunks } from "./look.js";
export { type PackOptions, packCache } from "./models/pack.js";
export { type PrimeOptions, primeCache } from "./models/prime.js";
export { unpackCache } from "./models/unpack.js";
export { verifyCache } from "./models/verify.js";
export { checkpoint } from "./move/checkpoint.js";
export { type PackSessionOptions, packSession } from "./move/pack.js";
export { checkParity, type ParityOptions } from "./parity/check.js";
export { type PlanOptions, plan } from "./plan/run.js";
export { type RerankOptions, rerank } from "./rerank/run.js";
export type { RunChoice } from "./runs/choose.js";
export { listRuns } from "./runs/list.js";
export { type RemoveOptions, removeRuns } from "./runs/remove.js";
export type * from "./schema/cache-types.js";
export type { Device, DeviceEvent, DeviceKind, DeviceReport, LeaseEvent } from "./schema/device-types.js";
export type * from "./schema/doctor-types.js";
export type * from "./schema/lineage-types.js";
export type { ModelCard, ModelRole, Pooling } from "./schema/model-types.js";
export type * from "./schema/parity-types.js";
export type * from "./schema/plan-types.js";
export type * from "./schema/run-types.js";
export type * from "./schema/session-pack-types.js";
export type { Provenance, SettingLayer, SettingSource, Settings } from "./schema/settings-types.js";
export type * from "./schema/types.js";
export type * from "./schema/vector-cache-types.js";
export { type MovedSessionOptions, openSession, type SessionOptions } from "./session/open.js";
export type { Bm25Options } from "./sparse/bm25.js";
export type { Bm25Language } from "./sparse/bm25-terms.js";
export { runSparse, type SparseOptions } from "./sparse/run.js";
export type { Session } from "./stage/context.js";
export { stale } from "./stale.js";
export type { HistoryEntry } from "./store/runs.js";
