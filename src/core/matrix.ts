/** A dense row-major matrix: `data[row * dim + column]`, `data.length === rows * dim`. */
export interface Matrix {
  readonly data: Float32Array;
  readonly rows: number;
  readonly dim: number;
}

/** One row as a view on the matrix's own memory. */
export function rowOf(matrix: Matrix, row: number): Float32Array {
  return matrix.data.subarray(row * matrix.dim, (row + 1) * matrix.dim);
}

/** Inner product of two vectors of equal length, summed in float64. */
export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

/** Euclidean length. */
export function norm(a: Float32Array): number {
  return Math.sqrt(dot(a, a));
}

/** Scales a vector to length 1 in place; a zero vector stays zero. */
export function normalize(a: Float32Array): Float32Array {
  const length = norm(a);
  if (length > 0) for (let i = 0; i < a.length; i++) a[i] = (a[i] as number) / length;
  return a;
}

/** The first row that holds a NaN or an infinity, or -1. */
export function firstNonFiniteRow(matrix: Matrix): number {
  const { data, dim } = matrix;
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) return Math.floor(i / dim);
  return -1;
}
