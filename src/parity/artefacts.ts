import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { openFlatIndex } from "../export/faiss.js";
import { arrayLines, linesOf } from "../export/lines.js";
import type { ChunkRun, DenseRun, ExportRun } from "../schema/types.js";
import { openNpy } from "../store/npy.js";
import { type AnyArtefact, jsonArtefact, numbersArtefact } from "./artefact.js";

/** A collection's dense half. */
export interface Side {
  readonly chunks: ChunkRun;
  readonly dense: DenseRun;
  readonly exported: ExportRun;
}

/** Every dense artefact of a side, in the order of the stages: the first that differs is where the difference began. */
export function artefactsOf(side: Side): AnyArtefact[] {
  return [...chunkArtefacts(side.chunks), ...denseArtefacts(side.dense), ...exportArtefacts(side)];
}

function chunkArtefacts({ dir, count, documents }: ChunkRun): AnyArtefact[] {
  const about = (file: string, rows: number) => ({ name: `chunk run, ${file}`, rows, exact: true, ofRun: true });
  const lines = (file: string) =>
    async function* (signal: AbortSignal) {
      for await (const line of linesOf(join(dir, file), signal)) yield JSON.parse(line);
    };
  const offsets = join(dir, "chunks.offsets.npy");
  return [
    jsonArtefact({ ...about("chunks.jsonl", count), byChunk: true }, join(dir, "chunks.jsonl"), lines("chunks.jsonl")),
    numbersArtefact({ ...about("chunks.offsets.npy", count + 1), byChunk: false }, offsets, () =>
      openNpy(offsets, "float64"),
    ),
    jsonArtefact(
      { ...about("documents.jsonl", documents), byChunk: false },
      join(dir, "documents.jsonl"),
      lines("documents.jsonl"),
    ),
  ];
}

function denseArtefacts({ dir, vectors }: DenseRun): AnyArtefact[] {
  return vectors.map(({ file, rows }) => {
    const path = join(dir, file);
    const about = { name: `dense run, ${file}`, rows, exact: false, byChunk: true, ofRun: true };
    return numbersArtefact(about, path, () => openNpy(path, "float32"));
  });
}

function exportArtefacts({ chunks, exported }: Side): AnyArtefact[] {
  const about = { rows: chunks.count, byChunk: true, ofRun: false };
  return exported.files.flatMap(({ path, role }): AnyArtefact[] => {
    const full = join(exported.folder, path);
    const name = `export, ${path}`;
    switch (role) {
      case "dense":
        return [numbersArtefact({ ...about, name, exact: false }, full, () => openNpy(full, "float32"))];
      case "index":
        return [numbersArtefact({ ...about, name, exact: false }, full, () => openFlatIndex(full))];
      case "metadata":
      case "texts":
        return [jsonArtefact({ ...about, name, exact: true }, full, (signal) => arrayLines(full, signal))];
      case "points":
        return [
          jsonArtefact({ ...about, name: `${name}, dense part`, exact: false }, null, (signal) =>
            densePoints(full, signal),
          ),
        ];
      case "collection":
        return [part(`${name}, vectors`, full, ({ vectors }) => vectors)];
      case "stats":
        return [part(`${name}, dense part`, full, ({ sparse_vector_stats: _, ...stats }) => stats)];
      default:
        return []; // The sparse and rerank stages' own, and the manifest, which holds times.
    }
  });
}

/** Points without their sparse vectors: a dense one is an array. */
async function* densePoints(path: string, signal: AbortSignal): AsyncGenerator<unknown> {
  for await (const line of linesOf(path, signal)) {
    const { vector, ...point } = JSON.parse(line) as { readonly vector: Readonly<Record<string, unknown>> };
    yield { ...point, vector: Object.fromEntries(Object.entries(vector).filter(([, value]) => Array.isArray(value))) };
  }
}

/** A part of a small JSON file. */
function part(name: string, path: string, take: (json: Record<string, unknown>) => unknown): AnyArtefact {
  return jsonArtefact({ name, rows: 1, exact: true, byChunk: false, ofRun: false }, null, async function* () {
    yield take(JSON.parse(await readFile(path, "utf8")));
  });
}
