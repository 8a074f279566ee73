import { join } from "node:path";
import { arrayFileDamaged } from "../core/errors.js";
import type { SparseVector } from "../core/sparse-matrix.js";
import type { SparseVectors } from "../schema/types.js";
import { openNpy, readNpy } from "../store/npy.js";

/** Sparse vectors that are read from disk as they are needed. */
export interface SparseRowSource {
  readonly rows: number;
  /** Rows `from .. to`, in memory of their own. */
  readRows(from: number, to: number): Promise<SparseVector[]>;
  close(): Promise<void>;
}

/** Opens the three arrays of a sparse pass; only the offsets are held. @throws RagError `array_damaged` */
export async function openSparseRows(
  dir: string,
  vectors: Pick<SparseVectors, "files" | "rows">,
): Promise<SparseRowSource> {
  const { files, rows } = vectors;
  const indptr = (await readNpy(join(dir, files.indptr), "int64")).data;
  const indices = await openNpy(join(dir, files.indices), "uint32");
  try {
    const values = await openNpy(join(dir, files.values), "float32");
    if (indptr.length !== rows + 1 || indptr[rows] !== indices.rows || indices.rows !== values.rows) {
      await values.close();
      const sizes = `${indptr.length} offsets up to ${indptr.at(-1)}, ${indices.rows} indices and ${values.rows} values`;
      throw arrayFileDamaged(join(dir, files.indptr), `${sizes} do not make ${rows} sparse rows`);
    }
    return {
      rows,
      async readRows(from, to) {
        const base = indptr[from] as number;
        const end = indptr[to] as number;
        const [i, v] = await Promise.all([indices.readRows(base, end), values.readRows(base, end)]);
        return Array.from({ length: to - from }, (_, r) => {
          const [a, b] = [(indptr[from + r] as number) - base, (indptr[from + r + 1] as number) - base];
          return { indices: i.subarray(a, b), values: v.subarray(a, b) };
        });
      },
      async close() {
        await indices.close();
        await values.close();
      },
    };
  } catch (error) {
    await indices.close();
    throw error;
  }
}
