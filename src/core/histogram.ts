import type { Bin } from "../schema/types.js";

/**
 * Counts values in equal bins with round borders (1, 2 or 5 times a power of ten).
 * Every finite value is in exactly one bin; the last bin holds its upper border too.
 *
 * @param most about how many bins
 */
export function histogram(values: Iterable<number>, most = 24): Bin[] {
  const finite = [...values].filter(Number.isFinite);
  if (finite.length === 0) return [];
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const v of finite) {
    low = Math.min(low, v);
    high = Math.max(high, v);
  }
  const raw = (high - low || Math.abs(high) || 1) / most;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5, 10].find((m) => m * power >= raw * (1 - 1e-9)) as number);
  const first = Math.floor(low / step);
  const count = Math.max(1, Math.ceil(high / step - first));
  const bins = Array.from({ length: count }, (_, i) => ({
    from: round((first + i) * step),
    to: round((first + i + 1) * step),
    count: 0,
  }));
  for (const v of finite) {
    const at = Math.min(count - 1, Math.max(0, Math.floor(v / step - first)));
    (bins[at] as { count: number }).count++;
  }
  return bins;
}

/** Takes the binary dust off a border, such as .30000000000000004. */
function round(value: number): number {
  return Number(value.toPrecision(12));
}
