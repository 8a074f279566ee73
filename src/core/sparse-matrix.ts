/**
 * A sparse matrix by rows (CSR). Row `r` owns `indptr[r] .. indptr[r + 1]` of
 * `indices` (ascending, unique within a row) and `values`. `space` names what an
 * index means; matrices of two spaces can't be combined.
 */
export interface SparseMatrix {
  readonly indptr: Float64Array;
  readonly indices: Uint32Array;
  readonly values: Float32Array;
  readonly rows: number;
  readonly space: string;
}

/** One sparse vector: `indices` ascending and unique, `values` beside them. */
export interface SparseVector {
  readonly indices: Uint32Array;
  readonly values: Float32Array;
}

/** One row as views on the matrix's own memory. */
export function sparseRow(matrix: SparseMatrix, row: number): SparseVector {
  const from = matrix.indptr[row] as number;
  const to = matrix.indptr[row + 1] as number;
  return { indices: matrix.indices.subarray(from, to), values: matrix.values.subarray(from, to) };
}

/** Stacks sparse vectors into a matrix, in order. */
export function stackSparse(vectors: readonly SparseVector[], space: string): SparseMatrix {
  const indptr = new Float64Array(vectors.length + 1);
  vectors.forEach((v, i) => {
    indptr[i + 1] = (indptr[i] as number) + v.indices.length;
  });
  const total = indptr[vectors.length] as number;
  const indices = new Uint32Array(total);
  const values = new Float32Array(total);
  vectors.forEach((v, i) => {
    indices.set(v.indices, indptr[i]);
    values.set(v.values, indptr[i]);
  });
  return { indptr, indices, values, rows: vectors.length, space };
}

/** How many rows have at least one term. */
export function coveredRows(matrix: SparseMatrix): number {
  let covered = 0;
  for (let r = 0; r < matrix.rows; r++) {
    if ((matrix.indptr[r + 1] as number) > (matrix.indptr[r] as number)) covered++;
  }
  return covered;
}
