/** Where two JSON values differ first, and what stands there; undefined where nothing does. */
export interface JsonDifference {
  /** Such as `payload.scores.density` or `vector.bm25[3]`; empty for the values themselves. */
  readonly path: string;
  readonly a: unknown;
  readonly b: unknown;
}

/** The first difference of two JSON values, in the order of the first one's keys; null where they are equal but for that order. */
export function jsonDifference(a: unknown, b: unknown, path = ""): JsonDifference | null {
  if (!isObject(a) || !isObject(b) || Array.isArray(a) !== Array.isArray(b)) {
    return Object.is(a, b) ? null : { path, a, b };
  }
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const below = Array.isArray(a) ? `${path}[${key}]` : path === "" ? key : `${path}.${key}`;
    const found = jsonDifference(a[key], b[key], below);
    if (found) return found;
  }
  return null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
