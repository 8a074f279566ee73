import { rm } from "node:fs/promises";
import { join } from "node:path";
import { badCollectionName, storeWriteFailed } from "../core/errors.js";
import type { ManifestArtefact } from "../schema/manifest.js";
import type { Chunk, ChunkRun, DenseRun, RerankRun, SparseRun } from "../schema/types.js";
import { removeLeftovers, writeAtomic, type Written } from "../store/atomic.js";
import { openChunkReader } from "../store/chunks.js";
import { writeDenseRows } from "./dense-rows.js";
import { writeFlatIndex } from "./faiss.js";
import { writeJsonArray, writeJsonLines } from "./json.js";
import { MANIFEST_FILE } from "./names.js";
import { metadataOf } from "./payload.js";
import { planFiles } from "./plan.js";
import { collectionBody, pointsOf } from "./qdrant.js";
import { rankingsOf } from "./rankings.js";
import { sparseLines } from "./sparse-lines.js";
import { openSources } from "./sources.js";
import { statsOf } from "./stats.js";
import { vocabularyOf } from "./vocabulary.js";

/** The runs that a collection is made from. Dense or sparse alone works. */
export interface CollectionSource {
  readonly collection: string;
  readonly chunks: ChunkRun;
  readonly dense: DenseRun | null;
  readonly sparse: SparseRun | null;
  readonly rerank: RerankRun | null;
}

/** How {@link writeCollection} reports, and is stopped. */
export interface WriteOptions {
  readonly signal?: AbortSignal;
  /** Rows written so far over all files, and how many there will be. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Writes every file of a collection but the manifest, in the order dense arrays,
 * metadata, sparse vectors, points, rerank manifest; each aside, synced and
 * renamed. A manifest of an earlier export is removed first: a folder with a
 * manifest is a finished export. Memory does not grow with the corpus.
 *
 * @returns the files as the manifest lists them
 * @throws RagError `bad_collection_name`, `store_write_failed`, `array_damaged`, `rows_differ`,
 *   `non_finite`, `duplicate_point`; the signal's reason when it aborts
 */
export async function writeCollection(folder: string, source: CollectionSource, options: WriteOptions = {}): Promise<ManifestArtefact[]> {
  const { collection, chunks: corpus, dense, sparse, rerank } = source;
  const { signal, onProgress } = options;
  checkCollectionName(collection);
  const files = planFiles(collection, dense, sparse);
  await rm(join(folder, MANIFEST_FILE), { force: true }).catch((cause) => {
    throw storeWriteFailed(folder, "the collection", cause);
  });
  await removeLeftovers(folder).catch(() => 0);

  const artefacts: ManifestArtefact[] = [];
  const put = (path: string, role: ManifestArtefact["role"], written: Written, about: Partial<ManifestArtefact> = {}) => {
    artefacts.push({ path, role, bytes: written.bytes, sha256: written.sha256, ...about });
  };
  const json = (path: string, value: unknown, what: string) => writeAtomic(join(folder, path), `${JSON.stringify(value, null, 1)}\n`, what);

  const { count } = corpus;
  // Dense arrays and the index, metadata, texts and points, each engine's lines: one pass over the rows each.
  const total = count * (files.dense.length + (files.index ? 1 : 0) + 3 + files.sparse.length);
  let done = 0;
  const counted = async function* <T>(items: AsyncIterable<T>): AsyncGenerator<T> {
    for await (const item of items) {
      yield item;
      if (++done % 1024 === 0) onProgress?.(done, total);
    }
  };

  const reader = await openChunkReader(corpus);
  const sources = await openSources(files, dense, sparse).catch(async (error) => {
    await reader.close();
    throw error;
  });
  const chunks = async function* (): AsyncGenerator<Chunk> {
    let seen = 0;
    for await (const chunk of reader.range()) {
      if (seen++ % 1024 === 0) signal?.throwIfAborted();
      yield chunk;
    }
  };
  try {
    for (const [i, { path, name }] of files.dense.entries()) {
      const { source } = sources.dense[i] as (typeof sources.dense)[number];
      put(path, "dense", await writeDenseRows(join(folder, path), source, reader, name, signal), { name, rows: source.rows, dim: source.dim });
      onProgress?.((done += count), total);
    }
    const [primary] = sources.dense;
    if (files.index && primary) {
      const { rows, dim } = primary.source;
      put(files.index, "index", await writeFlatIndex(join(folder, files.index), primary.source, "inner_product", signal), { name: primary.name, rows, dim });
      onProgress?.((done += count), total);
    }
    const metadata = await writeJsonArray(join(folder, files.metadata), counted(mapped(chunks(), metadataOf)), "the metadata");
    put(files.metadata, "metadata", metadata, { rows: metadata.rows });
    const texts = await writeJsonArray(join(folder, files.texts), counted(mapped(chunks(), ({ text }) => text)), "the texts");
    put(files.texts, "texts", texts, { rows: texts.rows });

    for (const [i, { path, name, vectors, vocabulary }] of files.sparse.entries()) {
      const { source } = sources.sparse[i] as (typeof sources.sparse)[number];
      const terms = await vocabularyOf((sparse as SparseRun).dir, vectors);
      const lines = counted(sparseLines(chunks(), vectors, source, terms, signal));
      const written = await writeJsonLines(join(folder, path), lines, "the sparse vectors");
      put(path, "sparse", written, { name, rows: written.rows });
      if (vocabulary && terms) {
        put(vocabulary, "vocabulary", await writeAtomic(join(folder, vocabulary), terms.map((term) => `${term}\n`).join(""), "the vocabulary"), { name, rows: terms.length });
      }
    }
    const points = await writeJsonLines(
      join(folder, files.points),
      counted(pointsOf(chunks(), count, sources.dense, sources.sparse, signal)),
      "the points",
    );
    put(files.points, "points", points, { rows: points.rows });
    const body = collectionBody(sources.dense.map(({ name, source: { dim } }) => ({ name, dim })), sources.sparse.map(({ name }) => name));
    put(files.collection, "collection", await json(files.collection, body, "the collection's configuration"));
    if (rerank) put(files.rerank, "rerank", await json(files.rerank, rankingsOf(rerank), "the rerank manifest"));
    put(files.stats, "stats", await json(files.stats, statsOf(collection, corpus, dense, sparse), "the statistics"));
    onProgress?.(total, total);
    return artefacts;
  } finally {
    await reader.close();
    await sources.close();
  }
}

/** Writes the manifest, last. @returns its size and hash */
export async function writeManifest(folder: string, summary: unknown): Promise<Written> {
  return writeAtomic(join(folder, MANIFEST_FILE), `${JSON.stringify(summary, null, 1)}\n`, "the manifest");
}

async function* mapped<T>(chunks: AsyncIterable<Chunk>, make: (chunk: Chunk, row: number) => T): AsyncGenerator<T> {
  let row = 0;
  for await (const chunk of chunks) yield make(chunk, row++);
}

/** Qdrant keeps a collection in a folder of its name. */
function checkCollectionName(name: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9 ._-]{0,127}$/.test(name)) throw badCollectionName(name);
}
