/** Numbers as a person reads them. The same on every system: no locale is asked. */

/** `1,234,567`; at most two decimals. */
export function count(value: number): string {
  if (!Number.isFinite(value)) return "–";
  return value.toLocaleString("en-US", { maximumFractionDigits: 2 });
}

/** `1 chunk`, `1,234 chunks`. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** Three significant digits, and never fewer than the whole part has: `0.0123`, `4.56`, `1,234`. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 100) return Math.round(value).toLocaleString("en-US");
  return size >= 10
    ? trim(value.toFixed(1))
    : size >= 1 || size === 0
      ? trim(value.toFixed(2))
      : trim(value.toPrecision(3));
}

/** Size of a file in powers of 1000, as disks and hubs count. */
export function bytes(value: number): string {
  return scaled(value, 1000, ["bytes", "kB", "MB", "GB", "TB"]);
}

/** Memory in powers of 1024, as systems and GPUs count. */
export function memory(value: number): string {
  return scaled(value, 1024, ["bytes", "KiB", "MiB", "GiB", "TiB"]);
}

/**
 * Memory beside a limit: in powers of 1000 where the limit is a round number of
 * those, as caps are set, so that 12 GB are not written as 11.2 GiB.
 */
export function memoryBeside(value: number, cap: number | null): string {
  return isDecimal(cap) ? bytes(value) : memory(value);
}

function isDecimal(cap: number | null): boolean {
  return cap !== null && cap % 1e8 === 0;
}

/** `340 µs`, `34 ms`, `1.23 s`, `2 min 05 s`, `1 h 12 min`. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return "–";
  if (seconds === 0) return "0 s";
  if (seconds < 0.000_999_5) return `${short(seconds * 1e6)} µs`;
  if (seconds < 0.999_5) return `${short(seconds * 1000)} ms`;
  if (seconds < 59.95) return `${short(seconds)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  const minutes = Math.round(whole / 60);
  return `${count(Math.floor(minutes / 60))} h ${String(minutes % 60).padStart(2, "0")} min`;
}

/** `92.3 %`; `100 %` and `0 %` only where it is exactly that. */
export function percent(share: number): string {
  if (!Number.isFinite(share)) return "–";
  const rounded = (share * 100).toFixed(1);
  if (rounded === "100.0" && share < 1) return "> 99.9 %";
  if (rounded === "0.0" && share > 0) return "< 0.1 %";
  return `${trim(rounded)} %`;
}

/** A score with four decimals. */
export function score(value: number): string {
  return Number.isFinite(value) ? value.toFixed(4) : String(value);
}

/** `2026-11-20 19:39:27` in UTC, from ISO 8601; anything else as it is. */
export function moment(iso: string): string {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/.test(iso) ? `${iso.slice(0, 10)} ${iso.slice(11, 19)}` : iso;
}

/** A unit and what to divide by, for an axis whose largest value is given. */
export interface AxisUnit {
  readonly by: number;
  readonly name: string;
}

/** Seconds on an axis. */
export function timeUnit(most: number): AxisUnit {
  if (most < 1) return { by: 0.001, name: "ms" };
  if (most < 180) return { by: 1, name: "s" };
  return most < 3 * 3600 ? { by: 60, name: "min" } : { by: 3600, name: "h" };
}

/** Memory on an axis, with the limit that is drawn on it. */
export function memoryUnit(most: number, cap: number | null = null): AxisUnit {
  if (isDecimal(cap)) return { by: 1e9, name: "GB" };
  return most < 1.5 * 2 ** 30 ? { by: 2 ** 20, name: "MiB" } : { by: 2 ** 30, name: "GiB" };
}

function scaled(value: number, base: number, units: readonly string[]): string {
  if (!Number.isFinite(value)) return "–";
  let size = value;
  let unit = 0;
  // 999.5 would be written as 1,000 of the smaller unit.
  while (Math.abs(size) >= base - 0.5 && unit < units.length - 1) {
    size /= base;
    unit++;
  }
  return unit === 0 ? `${count(size)} ${size === 1 ? "byte" : "bytes"}` : `${short(size)} ${units[unit]}`;
}

function trim(digits: string): string {
  return digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits;
}
