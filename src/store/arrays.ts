import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { arrayFileDamaged, type RagError, storeWriteFailed } from "../core/errors.js";
import type { Matrix } from "../core/matrix.js";
import type { SparseMatrix } from "../core/sparse-matrix.js";
import type { DenseVectors, SparseVectors } from "../schema/types.js";
import { writeAll } from "./atomic.js";
import { type NpyFile, openNpy, readMatrix, readNpy } from "./npy.js";
import { encodeNpyHeader, type NpyType, npyTypes } from "./npy-header.js";

/** A float32 `.npy` file of `[rows, dim]` whose rows come in any order. */
export interface RowWriter {
  /** Writes whole rows from `row` on. */
  write(row: number, data: Float32Array): Promise<void>;
  commit(): Promise<void>;
  abort(): Promise<void>;
}

/**
 * Begins a matrix file in a run's folder. It stands under its own name at once:
 * the folder is not a run before its manifest is written and it is renamed.
 */
export async function openRowWriter(path: string, rows: number, dim: number): Promise<RowWriter> {
  const file = await openArray(path, "float32", [rows, dim]);
  return {
    write: (row, data) => file.write(row * dim, data),
    commit: file.commit,
    abort: file.abort,
  };
}

/** An array file of known size whose elements come in any order. */
interface ArrayFile {
  write(element: number, data: Float32Array | Uint32Array | BigInt64Array): Promise<void>;
  commit(): Promise<void>;
  abort(): Promise<void>;
}

async function openArray(path: string, type: NpyType, shape: readonly number[]): Promise<ArrayFile> {
  const header = encodeNpyHeader({ type, shape });
  const bytes = npyTypes[type].bytes;
  let file: FileHandle | undefined;
  try {
    file = await open(path, "w");
    await file.truncate(header.length + shape.reduce((a, b) => a * b, bytes));
    await writeAll(file, header, 0);
  } catch (cause) {
    await file?.close().catch(() => {});
    throw storeWriteFailed(path, "an array", cause);
  }
  return arrayFile(path, file, header.length, bytes);
}

function arrayFile(path: string, file: FileHandle, start: number, bytes: number): ArrayFile {
  return {
    async write(element, data) {
      const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      await writeAll(file, raw, start + element * bytes).catch((cause) => {
        throw storeWriteFailed(path, "an array", cause);
      });
    },
    async commit() {
      try {
        await file.sync();
        await file.close();
      } catch (cause) {
        throw storeWriteFailed(path, "an array", cause);
      }
    },
    async abort() {
      await file.close().catch(() => {});
    },
  };
}

/** A matrix on disk, read by row ranges. */
export interface MatrixReader {
  readonly count: number;
  readonly dim: number;
  rows(from: number, to: number): Promise<Matrix>;
  close(): Promise<void>;
}

/** What a dense run says of one set of its vectors. */
type StoredVectors = Pick<DenseVectors, "file" | "rows" | "dim">;

/** Opens the vectors of a dense run, and checks their shape against what the run says. @throws RagError `array_damaged` */
export async function openVectors(dir: string, vectors: StoredVectors): Promise<NpyFile<"float32">> {
  const path = join(dir, vectors.file);
  const file = await openNpy(path, "float32");
  if (file.rows === vectors.rows && file.dim === vectors.dim) return file;
  await file.close();
  throw wrongShape(path, file, vectors);
}

/** The same as a matrix on disk. @throws RagError `array_damaged` */
export async function openMatrix(dir: string, vectors: StoredVectors): Promise<MatrixReader> {
  const file = await openVectors(dir, vectors);
  return {
    count: file.rows,
    dim: file.dim,
    rows: async (from, to) => ({ data: await file.readRows(from, to), rows: to - from, dim: file.dim }),
    close: file.close,
  };
}

function wrongShape(path: string, file: { rows: number; dim: number }, run: StoredVectors): RagError {
  return arrayFileDamaged(path, `it has ${file.rows} x ${file.dim} numbers, its run says ${run.rows} x ${run.dim}`);
}

/** Reads the vectors of a dense run whole. @throws RagError `array_damaged` */
export async function loadMatrix(dir: string, vectors: StoredVectors): Promise<Matrix> {
  const path = join(dir, vectors.file);
  const matrix = await readMatrix(path);
  if (matrix.rows !== vectors.rows || matrix.dim !== vectors.dim) throw wrongShape(path, matrix, vectors);
  return matrix;
}

/** A sparse matrix on disk whose rows come in any order, once their lengths are known. */
export interface SparseRowWriter {
  write(row: number, indices: Uint32Array, values: Float32Array): Promise<void>;
  commit(): Promise<void>;
  abort(): Promise<void>;
}

/** Begins the three arrays of a sparse pass in a run's folder. */
export async function openSparseWriter(
  dir: string,
  files: SparseVectors["files"],
  indptr: Float64Array,
): Promise<SparseRowWriter> {
  const terms = indptr.at(-1) as number;
  const all: ArrayFile[] = [];
  const abort = async () => {
    for (const file of all) await file.abort();
  };
  try {
    const arrays = [
      [files.indptr, "int64", indptr.length],
      [files.indices, "uint32", terms],
      [files.values, "float32", terms],
    ] as const;
    for (const [name, type, count] of arrays) all.push(await openArray(join(dir, name), type, [count]));
    const [offsets, indices, values] = all as [ArrayFile, ArrayFile, ArrayFile];
    await offsets.write(0, BigInt64Array.from(indptr, BigInt));
    return {
      async write(row, rowIndices, rowValues) {
        const at = indptr[row] as number;
        await indices.write(at, rowIndices);
        await values.write(at, rowValues);
      },
      async commit() {
        for (const file of all) await file.commit();
      },
      abort,
    };
  } catch (error) {
    await abort();
    throw error;
  }
}

/** Reads a sparse pass whole, and checks that its three arrays fit together. @throws RagError `array_damaged` */
export async function loadSparse(
  dir: string,
  vectors: Pick<SparseVectors, "files" | "rows" | "space">,
): Promise<SparseMatrix> {
  const { files, rows, space } = vectors;
  const indptr = (await readNpy(join(dir, files.indptr), "int64")).data;
  const indices = (await readNpy(join(dir, files.indices), "uint32")).data;
  const values = (await readNpy(join(dir, files.values), "float32")).data;
  const problem = mismatch(indptr, indices.length, values.length, rows);
  if (problem) throw arrayFileDamaged(join(dir, files.indptr), problem);
  return { indptr, indices, values, rows, space };
}

function mismatch(indptr: Float64Array, indices: number, values: number, rows: number): string | null {
  if (indptr.length !== rows + 1) return `it has ${indptr.length} offsets, its run has ${rows} rows`;
  if (indptr[0] !== 0 || indptr[rows] !== indices || indices !== values) {
    return `its last offset is ${indptr[rows]}, beside ${indices} indices and ${values} values`;
  }
  for (let r = 0; r < rows; r++) {
    if ((indptr[r + 1] as number) < (indptr[r] as number)) return `its offsets go down at row ${r}`;
  }
  return null;
}
