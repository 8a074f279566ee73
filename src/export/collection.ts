import { join } from "node:path";
import { badCollectionName, storeWriteFailed } from "../core/errors.js";
import type { ManifestArtefact, ProcessingSummary } from "../schema/manifest.js";
import type { Chunk, ChunkRun, DenseRun, RerankRun, SparseRun } from "../schema/types.js";
import { removeFile, removeLeftovers, type Written, writeAtomic } from "../store/atomic.js";
import { type ChunkReader, openChunkReader } from "../store/chunks.js";
import { writeDenseRows } from "./dense-rows.js";
import { writeFlatIndex } from "./faiss.js";
import { writeJsonArray, writeJsonLines } from "./json.js";
import { MANIFEST_FILE } from "./names.js";
import { metadataOf } from "./payload.js";
import { type FilePlan, planFiles } from "./plan.js";
import { collectionBody, pointsOf } from "./qdrant.js";
import { rankingsOf } from "./rankings.js";
import { type RowCounter, rowCounter } from "./row-counter.js";
import { type OpenSources, openSources } from "./sources.js";
import { sparseLines } from "./sparse-lines.js";
import { statsOf } from "./stats.js";
import { vocabularyOf } from "./vocabulary.js";

/** The runs that a collection is made from. Dense or sparse alone works. */
export interface CollectionSource {
  readonly collection: string;
  readonly chunks: ChunkRun;
  readonly dense: DenseRun | null;
  readonly sparse: SparseRun | null;
  readonly rerank: RerankRun | null;
  /** `tokenizer.json` of each sparse engine that has one on this machine, by the engine's name. */
  readonly tokenizers: ReadonlyMap<string, string>;
}

/** How {@link writeCollection} reports, and is stopped. */
export interface WriteOptions {
  readonly signal?: AbortSignal;
  /** Rows written so far over all files, and how many there will be. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** What the parts of {@link writeCollection} share. */
interface Work {
  readonly folder: string;
  readonly plan: FilePlan;
  readonly source: CollectionSource;
  readonly reader: ChunkReader;
  readonly vectors: OpenSources;
  readonly counter: RowCounter;
  readonly signal: AbortSignal | undefined;
  /** Notes a written file for the manifest. */
  put(path: string, role: ManifestArtefact["role"], written: Written, about?: Partial<ManifestArtefact>): void;
}

/**
 * Writes every file of a collection but the manifest, in the order dense arrays,
 * metadata, sparse vectors, points, rerank manifest; each aside, synced and
 * renamed. A manifest of an earlier export is removed first: a folder with a
 * manifest is a finished export. Memory does not grow with the vectors.
 *
 * @returns the files as the manifest lists them
 * @throws RagError `bad_collection_name`, `store_write_failed`, `array_damaged`, `rows_differ`,
 *   `non_finite`, `duplicate_point`; the signal's reason when it aborts
 */
export async function writeCollection(
  folder: string,
  source: CollectionSource,
  options: WriteOptions = {},
): Promise<ManifestArtefact[]> {
  const { collection, chunks, dense, sparse } = source;
  checkCollectionName(collection);
  await removeManifest(folder);
  await removeLeftovers(folder).catch(() => 0); // A new folder has none.

  const plan = planFiles(collection, dense, sparse);
  // One pass over the rows for each array, the index, metadata, texts, each engine's lines, and the points.
  const passes = plan.dense.length + (plan.index ? 1 : 0) + 2 + plan.sparse.length + 1;
  const artefacts: ManifestArtefact[] = [];
  const reader = await openChunkReader(chunks);
  try {
    const vectors = await openSources(plan, dense, sparse);
    try {
      const work: Work = {
        folder,
        plan,
        source,
        reader,
        vectors,
        counter: rowCounter(chunks.count * passes, options.onProgress),
        signal: options.signal,
        put: (path, role, { bytes, sha256 }, about) => artefacts.push({ path, role, bytes, sha256, ...about }),
      };
      await writeDense(work);
      await writeTexts(work);
      await writeSparse(work);
      await writePoints(work);
      await writeAbout(work);
      return artefacts;
    } finally {
      await vectors.close();
    }
  } finally {
    await reader.close();
  }
}

/** A folder with a manifest is a finished export: what is none, or no longer, has none. @throws RagError `store_write_failed` */
export async function removeManifest(folder: string): Promise<void> {
  await removeFile(join(folder, MANIFEST_FILE)).catch((cause) => {
    throw storeWriteFailed(folder, "the collection", cause);
  });
}

/** Writes the manifest, last. @returns its size and hash */
export async function writeManifest(folder: string, summary: ProcessingSummary): Promise<Written> {
  return writeJson(folder, MANIFEST_FILE, summary, "the manifest");
}

async function writeDense({ folder, plan, reader, vectors, counter, signal, put }: Work): Promise<void> {
  for (const [i, { path, name }] of plan.dense.entries()) {
    const { source } = vectors.dense[i] as (typeof vectors.dense)[number];
    const written = await writeDenseRows(join(folder, path), source, reader, name, signal);
    put(path, "dense", written, { name, rows: source.rows, dim: source.dim });
    counter.add(source.rows);
  }
  const [primary] = vectors.dense;
  if (plan.index === null || !primary) return;
  const { rows, dim } = primary.source;
  const written = await writeFlatIndex(join(folder, plan.index), primary.source, "inner_product", signal);
  put(plan.index, "index", written, { name: primary.name, rows, dim });
  counter.add(rows);
}

async function writeTexts(work: Work): Promise<void> {
  const { folder, plan, counter, put } = work;
  const entries = counter.over(mapped(chunksOf(work), metadataOf));
  const metadata = await writeJsonArray(join(folder, plan.metadata), entries, "the metadata");
  put(plan.metadata, "metadata", metadata, { rows: metadata.rows });
  const texts = counter.over(mapped(chunksOf(work), ({ text }) => text));
  const written = await writeJsonArray(join(folder, plan.texts), texts, "the texts");
  put(plan.texts, "texts", written, { rows: written.rows });
}

async function writeSparse(work: Work): Promise<void> {
  const { folder, plan, source, vectors, counter, signal, put } = work;
  for (const [i, { path, name, vectors: engine, vocabulary }] of plan.sparse.entries()) {
    const { source: rows } = vectors.sparse[i] as (typeof vectors.sparse)[number];
    const terms = await vocabularyOf((source.sparse as SparseRun).dir, engine, source.tokenizers.get(name));
    const lines = counter.over(sparseLines(chunksOf(work), engine, rows, terms, signal));
    const written = await writeJsonLines(join(folder, path), lines, "the sparse vectors");
    put(path, "sparse", written, { name, rows: written.rows });
    if (vocabulary === null || !terms) continue;
    const text = terms.map((term) => `${term}\n`).join("");
    put(vocabulary, "vocabulary", await writeAtomic(join(folder, vocabulary), text, "the vocabulary"), {
      name,
      rows: terms.length,
    });
  }
}

async function writePoints(work: Work): Promise<void> {
  const { folder, plan, source, vectors, counter, signal, put } = work;
  const points = pointsOf(chunksOf(work), source.chunks.count, vectors.dense, vectors.sparse, signal);
  const written = await writeJsonLines(join(folder, plan.points), counter.over(points), "the points");
  put(plan.points, "points", written, { rows: written.rows });
  const body = collectionBody(
    vectors.dense.map(({ name, source: { dim } }) => ({ name, dim })),
    vectors.sparse.map(({ name }) => name),
  );
  put(plan.collection, "collection", await writeJson(folder, plan.collection, body, "the collection's configuration"));
}

async function writeAbout({ folder, plan, source, put }: Work): Promise<void> {
  const { collection, chunks, dense, sparse, rerank } = source;
  if (rerank)
    put(plan.rerank, "rerank", await writeJson(folder, plan.rerank, rankingsOf(rerank), "the rerank manifest"));
  const stats = statsOf(collection, chunks, dense, sparse);
  put(plan.stats, "stats", await writeJson(folder, plan.stats, stats, "the statistics"));
}

function writeJson(folder: string, path: string, value: unknown, what: string): Promise<Written> {
  return writeAtomic(join(folder, path), `${JSON.stringify(value, null, 1)}\n`, what);
}

/** The corpus in row order, as often as it is asked for. */
async function* chunksOf({ reader, signal }: Work): AsyncGenerator<Chunk> {
  let seen = 0;
  for await (const chunk of reader.range()) {
    if (seen++ % 1024 === 0) signal?.throwIfAborted();
    yield chunk;
  }
}

async function* mapped<T>(chunks: AsyncIterable<Chunk>, make: (chunk: Chunk, row: number) => T): AsyncGenerator<T> {
  let row = 0;
  for await (const chunk of chunks) yield make(chunk, row++);
}

/** Qdrant keeps a collection in a folder of its name. */
function checkCollectionName(name: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9 ._-]{0,127}$/.test(name)) throw badCollectionName(name);
}
