/** Powers of ten that a float64 holds exactly. */
const POWERS = Float64Array.from({ length: 23 }, (_, i) => 10 ** i);
/** Below it a float32 has fewer digits than six. */
const SMALLEST_NORMAL = 2 ** -126;

/**
 * The number whose shortest decimal reads back as the same float32: `0.1` for
 * `Math.fround(0.1)`, where JavaScript itself would print 0.10000000149011612.
 * As short as the first of `Number(value.toPrecision(d))`, d = 1 .. 9, that reads
 * back, at a tenth of the time. Nine digits always suffice for a float32 and six
 * always survive one that is not subnormal, so 6 .. 9 are tried.
 *
 * @param value a float32, as read from a Float32Array
 */
export function shortestFloat32(value: number): number {
  if (value === 0 || !Number.isFinite(value)) return value;
  const exponent = Math.floor(Math.log10(Math.abs(value)));
  for (let digits = Math.abs(value) < SMALLEST_NORMAL ? 1 : 6; digits <= 9; digits++) {
    const places = digits - 1 - exponent;
    const scale = POWERS[places];
    const decimal = scale === undefined ? Number(value.toPrecision(digits)) : Math.round(value * scale) / scale;
    if (Math.fround(decimal) === value) return decimal;
  }
  return Number(value.toPrecision(9));
}

/** A float32 row as numbers for JSON, each the shortest that reads back exactly. */
export function jsonNumbers(row: Float32Array): number[] {
  const out = new Array<number>(row.length);
  for (let i = 0; i < row.length; i++) out[i] = shortestFloat32(row[i] as number);
  return out;
}
