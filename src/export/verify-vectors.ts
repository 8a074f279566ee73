import { join } from "node:path";
import { quote } from "../core/errors.js";
import type { Scored } from "../core/top-k.js";
import type { ManifestArtefact } from "../schema/manifest.js";
import { openNpy } from "../store/npy.js";
import { openFlatIndex } from "./faiss.js";
import { searchWithFaiss } from "./faiss-search.js";
import { nearestRows, sampleRows } from "./neighbours.js";
import { blocksOf } from "./rows.js";

/** A length further from 1 than this is no rounding. */
const NORM_TOLERANCE = 1e-3;
const SAMPLED_ROWS = 20;
const NEIGHBOURS = 10;
/** FAISS sums in float32, this library in float64. */
const SCORE_TOLERANCE = 1e-5;

/** Shape, finite numbers and lengths of one dense file. @throws Error that says what is wrong */
export async function checkDense(
  folder: string,
  artefact: ManifestArtefact,
  rows: number,
  signal?: AbortSignal,
): Promise<string> {
  const file = await openNpy(join(folder, artefact.path), "float32");
  try {
    if (file.shape.length !== 2 || file.rows !== rows || file.dim !== artefact.dim) {
      throw new Error(`it has the shape ${file.shape.join(" x ")}, the manifest says ${rows} x ${artefact.dim}`);
    }
    let [shortest, longest] = [Number.POSITIVE_INFINITY, 0];
    for await (const { from, rows: count, data } of blocksOf(file, signal)) {
      for (let r = 0; r < count; r++) {
        let sum = 0;
        for (let i = r * file.dim; i < (r + 1) * file.dim; i++) sum += (data[i] as number) * (data[i] as number);
        const length = Math.sqrt(sum);
        if (!(Math.abs(length - 1) <= NORM_TOLERANCE)) throw new Error(`row ${from + r} has length ${length}, not 1`);
        shortest = Math.min(shortest, length);
        longest = Math.max(longest, length);
      }
    }
    const lengths = rows === 0 ? "" : `, lengths ${shortest.toFixed(6)} to ${longest.toFixed(6)}`;
    return `${artefact.name ?? artefact.path}: ${rows} x ${file.dim}, all finite${lengths}`;
  } finally {
    await file.close();
  }
}

/** That the index holds the same bits as the primary array, row by row. @throws Error that says what is wrong */
export async function checkIndex(
  folder: string,
  index: ManifestArtefact,
  dense: ManifestArtefact,
  signal?: AbortSignal,
): Promise<string> {
  const array = await openNpy(join(folder, dense.path), "float32");
  try {
    const flat = await openFlatIndex(join(folder, index.path));
    try {
      if (flat.rows !== array.rows || flat.dim !== array.dim) {
        throw new Error(`it holds ${flat.rows} x ${flat.dim}, ${quote(dense.path)} ${array.rows} x ${array.dim}`);
      }
      if (flat.metric !== "inner_product") throw new Error("it compares by L2, not by inner product");
      for await (const { from, rows, data } of blocksOf(array, signal)) {
        const other = await flat.readRows(from, from + rows);
        const [a, b] = [bits(data), bits(other)];
        const at = a.findIndex((value, i) => value !== b[i]);
        if (at >= 0) throw new Error(`row ${from + Math.floor(at / array.dim)} differs from ${quote(dense.path)}`);
      }
      return `${flat.rows} rows, bit for bit those of ${dense.path}`;
    } finally {
      await flat.close();
    }
  } finally {
    await array.close();
  }
}

/**
 * That 20 rows, the same ones each time, find the same neighbours in the array
 * (searched here) and in the index (searched by FAISS where faiss-node is built).
 *
 * @throws Error that says what is wrong
 */
export async function checkNeighbours(
  folder: string,
  index: ManifestArtefact,
  dense: ManifestArtefact,
  signal?: AbortSignal,
): Promise<string> {
  const array = await openNpy(join(folder, dense.path), "float32");
  try {
    const rows = sampleRows(array.rows, SAMPLED_ROWS);
    if (rows.length === 0) return "no rows";
    const k = Math.min(NEIGHBOURS, array.rows);
    const queries = new Float32Array(rows.length * array.dim);
    for (const [q, row] of rows.entries()) queries.set(await array.readRows(row, row + 1), q * array.dim);
    const expected = await nearestRows(array, queries, k, signal);
    const path = join(folder, index.path);
    const answer = await searchWithFaiss(path, queries, k, signal);
    if (answer.kind === "found") {
      compare(rows, expected, answer.results);
      return `top ${k} of ${rows.length} rows equal, the index searched by FAISS`;
    }
    const flat = await openFlatIndex(path);
    try {
      compare(rows, expected, await nearestRows(flat, queries, k, signal));
    } finally {
      await flat.close();
    }
    return `top ${k} of ${rows.length} rows equal, the index searched without FAISS (faiss-node: ${answer.reason})`;
  } finally {
    await array.close();
  }
}

/** Equal scores rank by rank; rows may trade places where their scores are equal within rounding. */
function compare(rows: readonly number[], expected: readonly Scored[][], found: readonly (readonly Scored[])[]): void {
  for (const [q, row] of rows.entries()) {
    const want = expected[q] as Scored[];
    const got = found[q] ?? [];
    want.forEach(({ row: neighbour, score }, rank) => {
      const other = got[rank];
      if (!other || Math.abs(other.score - score) > SCORE_TOLERANCE) {
        throw new Error(
          `neighbour ${rank + 1} of row ${row} is row ${neighbour} (${score}), the index says ${other?.row} (${other?.score})`,
        );
      }
      const tied = want.some(
        (scored) => scored.row === other.row && Math.abs(scored.score - other.score) <= SCORE_TOLERANCE,
      );
      const atTheEdge = score - (want.at(-1) as Scored).score <= SCORE_TOLERANCE;
      if (other.row !== neighbour && !tied && !atTheEdge) {
        throw new Error(`neighbour ${rank + 1} of row ${row} is row ${neighbour}, the index says row ${other.row}`);
      }
    });
  }
}

function bits(data: Float32Array): Uint32Array {
  return new Uint32Array(data.buffer, data.byteOffset, data.length);
}
