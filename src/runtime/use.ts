/** Utilisation over any length of time in bounded memory. */
export interface Use {
  /** @param utilisation 0..1, of the time since the reading before */
  add(at: number, utilisation: number): void;
  /** Mean of the readings between two times; null where there is none. */
  mean(from: number, to: number): number | null;
}

const MOST_SPANS = 4000;

/** Readings that follow each other, their sum, and when the last one was taken. */
interface Span {
  at: number;
  sum: number;
  count: number;
}

/** Keeps sums, of twice as many readings each when there are too many: a mean stays what it is. */
export function openUse(): Use {
  let spans: Span[] = [];
  let width = 1;
  return {
    add(at, utilisation) {
      const last = spans.at(-1);
      if (last && last.count < width) Object.assign(last, { at, sum: last.sum + utilisation, count: last.count + 1 });
      else spans.push({ at, sum: utilisation, count: 1 });
      if (spans.length <= MOST_SPANS) return;
      width *= 2;
      const merged: Span[] = [];
      for (let i = 0; i < spans.length; i += 2) {
        const [one, next] = [spans[i] as Span, spans[i + 1]];
        merged.push(next ? { at: next.at, sum: one.sum + next.sum, count: one.count + next.count } : one);
      }
      spans = merged;
    },
    mean(from, to) {
      let sum = 0;
      let count = 0;
      for (const span of spans) {
        if (span.at < from || span.at > to) continue;
        sum += span.sum;
        count += span.count;
      }
      return count === 0 ? null : sum / count;
    },
  };
}
