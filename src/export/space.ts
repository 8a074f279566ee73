import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { ChunkRun, DenseRun, RerankRun, SparseRun } from "../schema/types.js";
import type { SpaceNeed } from "../stage/work.js";
import { openChunkReader } from "../store/chunks.js";
import { metadataOf } from "./payload.js";
import { type FilePlan, planFiles } from "./plan.js";

/** Rows that are read to learn how long texts and metadata are. */
const SAMPLE = 256;
/** What the rows that were not read may be longer by. */
const SAMPLED = 1.2;
/** A number of a vector as text: sign, up to nine digits, comma. */
const DENSE_NUMBER = 13;
/** An index with its weight; in the sparse file with its term too. */
const SPARSE_POINT = 18;
const SPARSE_TERM = 29;
const SPARSE_LINE = 420;
/** Names and braces around a point's vectors. */
const POINT_BYTES = 200;
/** A reranked candidate: two ids, its row, its scores and ranks. */
const RANKED_BYTES = 250;
/** Manifest, statistics, the collection's configuration. */
const ABOUT_BYTES = 64_000;
/** A line of a vocabulary, for the share of all terms that need one of their own. */
const WORD_BYTES = 4;

/** The runs of an export, and the bytes of a row's text and metadata as JSON, on average. */
export interface ExportSize {
  readonly chunks: Pick<ChunkRun, "count">;
  readonly dense: Pick<DenseRun, "vectors"> | null;
  readonly sparse: Pick<SparseRun, "vectors"> | null;
  readonly rerank: Pick<RerankRun, "results"> | null;
  readonly textBytes: number;
  readonly metadataBytes: number;
}

/** A file of an export, in the order of writing, and its bytes, at most. */
export interface FileSize {
  readonly path: string;
  readonly bytes: number;
}

/** Every file that an export will write: a pure function of the runs' sizes. */
export function exportFiles(size: ExportSize, plan: FilePlan): FileSize[] {
  const { chunks, rerank, textBytes, metadataBytes } = size;
  const rows = chunks.count;
  const numbers = plan.dense.reduce((sum, { vectors }) => sum + vectors.dim, 0) * rows;
  const terms = plan.sparse.reduce((sum, { vectors }) => sum + vectors.terms, 0);
  const ranked = rerank?.results.reduce((sum, { candidates }) => sum + candidates.length, 0) ?? 0;
  const [primary] = plan.dense;
  const files: FileSize[] = plan.dense.map(({ path, vectors }) => ({ path, bytes: 128 + 4 * rows * vectors.dim }));
  if (plan.index !== null) files.push({ path: plan.index, bytes: 128 + 4 * rows * (primary?.vectors.dim ?? 0) });
  files.push({ path: plan.metadata, bytes: rows * metadataBytes });
  files.push({ path: plan.texts, bytes: rows * textBytes });
  for (const { path, vectors, vocabulary } of plan.sparse) {
    files.push({ path, bytes: rows * SPARSE_LINE + vectors.terms * SPARSE_TERM });
    if (vocabulary !== null) files.push({ path: vocabulary, bytes: vectors.terms * WORD_BYTES });
  }
  const points = rows * (POINT_BYTES + textBytes + metadataBytes) + numbers * DENSE_NUMBER + terms * SPARSE_POINT;
  files.push({ path: plan.points, bytes: points });
  files.push({ path: plan.rerank, bytes: ranked * RANKED_BYTES }, { path: plan.stats, bytes: ABOUT_BYTES });
  return files.map(({ path, bytes }) => ({ path, bytes: Math.ceil(bytes) }));
}

/**
 * The most that files take while one after another is written aside and then
 * replaces the one of its name, beyond what those already take.
 *
 * @param there bytes of the files that stand there, in the same order
 */
export function peakBytes(files: readonly FileSize[], there: readonly number[]): number {
  let more = 0;
  let peak = 0;
  files.forEach(({ bytes }, i) => {
    peak = Math.max(peak, more + bytes);
    more += bytes - (there[i] ?? 0);
  });
  return peak;
}

/** The room that an export needs in its folder. */
export async function exportSpace(
  folder: string,
  collection: string,
  chunks: ChunkRun,
  runs: Pick<ExportSize, "rerank"> & { readonly dense: DenseRun | null; readonly sparse: SparseRun | null },
): Promise<SpaceNeed> {
  const files = exportFiles(
    { chunks, ...runs, ...(await rowBytes(chunks)) },
    planFiles(collection, runs.dense, runs.sparse),
  );
  const there: number[] = [];
  for (const { path } of files) {
    const file = await stat(join(folder, path)).catch(() => null);
    there.push(file?.size ?? 0);
  }
  const way = "name a folder on another disk: exportCollection(session, runs, { folder })";
  return { bytes: peakBytes(files, there), elsewhere: { folder, way } };
}

/** What a row's text and metadata take as JSON, on average, from rows all over the corpus. */
async function rowBytes(chunks: ChunkRun): Promise<Pick<ExportSize, "textBytes" | "metadataBytes">> {
  const rows = Math.min(SAMPLE, chunks.count);
  if (rows === 0) return { textBytes: 0, metadataBytes: 0 };
  const reader = await openChunkReader(chunks);
  let text = 0;
  let metadata = 0;
  try {
    for (let i = 0; i < rows; i++) {
      const row = Math.floor((i * chunks.count) / rows);
      const chunk = await reader.read(row);
      text += Buffer.byteLength(JSON.stringify(chunk.text)) + 2;
      metadata += Buffer.byteLength(JSON.stringify(metadataOf(chunk, row))) + 2;
    }
  } finally {
    await reader.close();
  }
  return { textBytes: (SAMPLED * text) / rows, metadataBytes: (SAMPLED * metadata) / rows };
}
