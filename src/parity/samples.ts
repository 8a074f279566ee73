/** Rows all over a matrix: the first, the last, and those between at even distances. */
export function evenRows(rows: number, most: number): number[] {
  if (rows <= most) return Array.from({ length: rows }, (_, row) => row);
  return Array.from({ length: most }, (_, i) => Math.round((i * (rows - 1)) / (most - 1)));
}

/** The cosine of two vectors of one length; NaN where one of them is nothing but zeros, or holds NaN. */
export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let dot = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] as number, b[i] as number];
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  return dot / Math.sqrt(aa * bb);
}
