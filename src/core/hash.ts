import { createHash } from "node:crypto";

/** Lower-case hex sha256 of bytes or of a string's UTF-8. */
export function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

/** JSON with sorted keys and no spaces: equal values give equal strings on every system. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((v) => canonicalJson(v ?? null)).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value as Record<string, unknown>)
      .filter(([, v]) => v !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
      .map(([k, v]) => `${JSON.stringify(k)}:${canonicalJson(v)}`);
    return `{${entries.join(",")}}`;
  }
  return JSON.stringify(value) ?? "null";
}

/** The first 16 hex digits of the sha256 of a value's canonical JSON, behind a prefix: an id that comes from content. */
export function contentId(prefix: string, value: unknown): string {
  return `${prefix}-${sha256(canonicalJson(value)).slice(0, 16)}`;
}

/**
 * A UUID made from content: the first 16 bytes of a sha256 with the version bits
 * of RFC 9562's version 8, the form Qdrant takes as a point id.
 */
export function contentUuid(text: string): string {
  const bytes = createHash("sha256").update(text).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  const hex = Buffer.from(bytes).toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
