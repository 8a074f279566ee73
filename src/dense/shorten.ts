import { normalize } from "../core/matrix.js";

/**
 * Cuts each row to its first `to` numbers and scales it to length 1 again
 * (Kusupati et al. 2022, Matryoshka representations: a prefix is a vector of its
 * own, but no longer of length 1).
 *
 * @param data row-major `[rows, from]`
 * @returns row-major `[rows, to]`; `data` itself when nothing is cut
 */
export function shorten(data: Float32Array, from: number, to: number): Float32Array {
  if (to === from) return data;
  const rows = data.length / from;
  const out = new Float32Array(rows * to);
  for (let row = 0; row < rows; row++) {
    out.set(data.subarray(row * from, row * from + to), row * to);
    normalize(out.subarray(row * to, (row + 1) * to));
  }
  return out;
}
