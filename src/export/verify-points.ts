import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { quote } from "../core/errors.js";
import type { ManifestArtefact } from "../schema/manifest.js";
import {
  type CollectionBody,
  type Parsed,
  type PointLine,
  parseCollection,
  parsePoint,
  parseSparse,
  parseSparseLine,
  type SparseNumbers,
} from "../schema/point.js";
import { openNpy } from "../store/npy.js";
import { arrayLines, linesOf } from "./lines.js";
import { pointId } from "./payload.js";
import { blockRows, type RowSource } from "./rows.js";

/** A file whose rows are compared with the points', row by row. */
interface Companion {
  readonly artefact: ManifestArtefact;
  readonly rows: AsyncIterator<unknown>;
  /** Throws an Error that says what is wrong with the row. */
  readonly compare: (value: unknown, point: PointLine) => void;
  problem: string | null;
}

/** What became of one file. */
export interface RowCheck {
  readonly path: string;
  readonly problem: string | null;
  readonly detail: string;
}

/**
 * Reads points, texts, metadata and sparse lines once, side by side, and compares
 * them with each other and with the dense arrays. One faulty file does not hide
 * what the others are like.
 */
export async function checkPoints(
  folder: string,
  artefacts: readonly ManifestArtefact[],
  count: number,
  signal?: AbortSignal,
): Promise<RowCheck[]> {
  const points = artefacts.find(({ role }) => role === "points");
  if (!points) return [{ path: "points", problem: "there is no such file", detail: "" }];
  const companions = artefacts.flatMap((artefact) => companionOf(folder, artefact, signal) ?? []);
  const dense: Awaited<ReturnType<typeof openDense>>[] = [];
  let row = 0;
  let place = "";
  let problem: string | null = null;
  try {
    const body = await readCollection(folder, artefacts);
    for (const artefact of artefacts.filter(({ role }) => role === "dense"))
      dense.push(await openDense(folder, artefact, body));
    const ids = new Set<string>();
    for await (const line of linesOf(join(folder, points.path), signal)) {
      place = `line ${row + 1}: `;
      const point = need(parsePoint(JSON.parse(line)));
      await checkPoint(point, row, ids, body, dense);
      for (const companion of companions) await step(companion, point, row);
      row++;
    }
    if (row !== count) problem = `it has ${row} points, the manifest says ${count}`;
  } catch (error) {
    signal?.throwIfAborted();
    problem = place + (error as Error).message;
  } finally {
    for (const file of dense) await file.close();
  }
  for (const companion of companions) await finish(companion, row, problem !== null);
  const vectors = dense.map(({ name }) => name).join(", ");
  return [
    { path: points.path, problem, detail: `${row} points, ids unique${vectors && `, ${vectors} equal to the arrays`}` },
    ...companions.map(({ artefact, problem }) => ({
      path: artefact.path,
      problem,
      detail: `${row} rows, equal to the points`,
    })),
  ];
}

async function step(companion: Companion, point: PointLine, row: number): Promise<void> {
  if (companion.problem !== null) return;
  try {
    const { done, value } = await companion.rows.next();
    if (done) throw new Error(`it ends there`);
    companion.compare(value, point);
  } catch (error) {
    companion.problem = `row ${row}: ${(error as Error).message}`;
  }
}

async function finish(companion: Companion, rows: number, pointsFailed: boolean): Promise<void> {
  try {
    if (companion.problem === null && pointsFailed)
      throw new Error(`compared up to row ${rows} only, where the points are at fault`);
    if (companion.problem === null && !(await companion.rows.next()).done)
      throw new Error(`it has more than ${rows} rows`);
  } catch (error) {
    companion.problem = (error as Error).message;
  }
  await companion.rows.return?.();
}

function companionOf(folder: string, artefact: ManifestArtefact, signal?: AbortSignal): Companion | null {
  const path = join(folder, artefact.path);
  const make = (rows: AsyncIterator<unknown>, compare: Companion["compare"]) => ({
    artefact,
    rows,
    compare,
    problem: null,
  });
  if (artefact.role === "texts") {
    return make(arrayLines(path, signal), (text, { payload }) => {
      if (text !== payload.text) throw new Error("its text is not the point's");
    });
  }
  if (artefact.role === "metadata") {
    return make(arrayLines(path, signal), (value, { id, payload }) => {
      const metadata = value as { id?: unknown; chunk_id?: unknown; row?: unknown } | null;
      if (metadata?.id !== id || metadata.chunk_id !== payload.chunk_id || metadata.row !== payload.row)
        throw new Error("it is of another chunk than the point");
    });
  }
  if (artefact.role === "sparse") {
    return make(linesOf(path, signal), (line, { payload, vector }) => {
      const { chunk_id, sparse_vector } = need(parseSparseLine(JSON.parse(line as string)));
      if (chunk_id !== payload.chunk_id) throw new Error("it is of another chunk than the point");
      const inPoint = vector[artefact.name ?? ""];
      checkSparse(sparse_vector);
      if (
        inPoint === undefined
          ? sparse_vector.indices.length > 0
          : JSON.stringify(inPoint) !== JSON.stringify(sparse_vector)
      ) {
        throw new Error("its vector is not the point's");
      }
    });
  }
  return null;
}

async function checkPoint(
  { id, vector, payload }: PointLine,
  row: number,
  ids: Set<string>,
  body: CollectionBody,
  dense: readonly Awaited<ReturnType<typeof openDense>>[],
): Promise<void> {
  if (id !== pointId(payload.chunk_id)) throw new Error(`id ${id} is not that of chunk ${quote(payload.chunk_id)}`);
  if (ids.has(id)) throw new Error(`id ${id} comes twice`);
  ids.add(id);
  if (payload.row !== row) throw new Error(`its row is ${payload.row}`);
  for (const name of Object.keys(vector)) {
    if (Object.hasOwn(body.sparse_vectors, name)) checkSparse(need(parseSparse(vector[name])));
    else if (!Object.hasOwn(body.vectors, name))
      throw new Error(`vector ${quote(name)} is not in the collection's configuration`);
  }
  for (const { name, rowAt } of dense) {
    const expected = await rowAt(row);
    const found = vector[name];
    if (!Array.isArray(found) || found.length !== expected.length)
      throw new Error(`vector ${quote(name)} has no ${expected.length} numbers`);
    for (let i = 0; i < expected.length; i++) {
      if (typeof found[i] !== "number" || Math.fround(found[i]) !== expected[i]) {
        throw new Error(`number ${i} of vector ${quote(name)} is ${quote(found[i])}, the array has ${expected[i]}`);
      }
    }
  }
}

function checkSparse({ indices, values }: SparseNumbers): void {
  if (indices.length !== values.length)
    throw new Error(`a sparse vector has ${indices.length} indices and ${values.length} values`);
  for (let i = 1; i < indices.length; i++) {
    if ((indices[i] as number) <= (indices[i - 1] as number))
      throw new Error(`sparse index ${indices[i]} does not ascend`);
  }
}

/** A dense array with its rows at hand one after another. */
async function openDense(folder: string, { path, name = "" }: ManifestArtefact, body: CollectionBody) {
  const file = await openNpy(join(folder, path), "float32");
  if (body.vectors[name]?.size !== file.dim) {
    await file.close();
    throw new Error(
      `the collection's configuration has size ${body.vectors[name]?.size} for vector ${quote(name)}, its array ${file.dim}`,
    );
  }
  return { name, rowAt: rowReader(file), close: file.close };
}

function rowReader(source: RowSource): (row: number) => Promise<Float32Array> {
  const size = blockRows(source.dim);
  let from = -1;
  let block: Float32Array = new Float32Array(0);
  return async (row) => {
    if (row >= source.rows) throw new Error(`the array has ${source.rows} rows only`);
    const start = row - (row % size);
    if (start !== from) {
      block = await source.readRows(start, Math.min(source.rows, start + size));
      from = start;
    }
    return block.subarray((row - from) * source.dim, (row - from + 1) * source.dim);
  };
}

async function readCollection(folder: string, artefacts: readonly ManifestArtefact[]): Promise<CollectionBody> {
  const artefact = artefacts.find(({ role }) => role === "collection");
  if (!artefact) throw new Error("there is no configuration of the collection beside it");
  const text = await readFile(join(folder, artefact.path), "utf8");
  return need(parseCollection(JSON.parse(text)));
}

function need<T>(parsed: Parsed<T>): T {
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.value;
}
