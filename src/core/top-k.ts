/** A row and its score. */
export interface Scored {
  readonly row: number;
  readonly score: number;
}

/** Higher score first; equal scores by lower row, so that an order is the same on every run. */
export function byScore(a: Scored, b: Scored): number {
  return b.score - a.score || a.row - b.row;
}

/**
 * The k best of `scores` in {@link byScore} order. A bounded heap whose root is
 * the worst kept row: the same as `scores.map((score, row) => ({ row, score })).sort(byScore).slice(0, k)`,
 * without sorting what can't be in it.
 */
export function topK(scores: ArrayLike<number>, k: number, keep?: (row: number) => boolean): Scored[] {
  const heap: Scored[] = [];
  const worse = (a: Scored, b: Scored) => byScore(a, b) > 0;
  for (let row = 0; row < scores.length; row++) {
    if (keep && !keep(row)) continue;
    const item = { row, score: scores[row] as number };
    if (heap.length < k) {
      heap.push(item);
      for (let i = heap.length - 1; i > 0; ) {
        const up = (i - 1) >> 1;
        if (!worse(heap[i] as Scored, heap[up] as Scored)) break;
        [heap[i], heap[up]] = [heap[up] as Scored, heap[i] as Scored];
        i = up;
      }
    } else if (k > 0 && worse(heap[0] as Scored, item)) {
      heap[0] = item;
      for (let i = 0; ; ) {
        let worst = i;
        for (const child of [2 * i + 1, 2 * i + 2]) {
          if (child < heap.length && worse(heap[child] as Scored, heap[worst] as Scored)) worst = child;
        }
        if (worst === i) break;
        [heap[i], heap[worst]] = [heap[worst] as Scored, heap[i] as Scored];
        i = worst;
      }
    }
  }
  return heap.sort(byScore);
}
