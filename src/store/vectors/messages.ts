import type { Note } from "../../schema/types.js";
import type { SpaceContents } from "./contents.js";
import type { Removed, Victims } from "./evict.js";
import type { RowSpace } from "./payload.js";
import type { Imported } from "./portable.js";

/** What the notebook's thread asks of the cache's, and what it is answered. Rows travel in one buffer: their sizes, -1 for none, and their bytes. */
export interface Calls {
  readonly known: { readonly ask: { space: RowSpace; texts: Uint8Array }; readonly answer: Uint8Array };
  readonly take: { readonly ask: { space: RowSpace; texts: Uint8Array }; readonly answer: PackedRows };
  readonly keep: { readonly ask: { space: RowSpace; texts: Uint8Array; rows: PackedRows }; readonly answer: null };
  readonly contents: {
    readonly ask: null;
    readonly answer: { readonly spaces: SpaceContents[]; readonly bytes: number };
  };
  readonly remove: { readonly ask: Victims; readonly answer: Removed };
  readonly exportTo: { readonly ask: string; readonly answer: string };
  readonly importFrom: { readonly ask: string; readonly answer: Imported | string };
  readonly close: { readonly ask: { shrink: boolean }; readonly answer: null };
}

/** A call on its way. */
export interface Call<K extends keyof Calls = keyof Calls> {
  readonly id: number;
  readonly name: K;
  readonly ask: Calls[K]["ask"];
}

/** Its answer, with what the cache had to remark since the last one. */
export interface Answer {
  readonly id: number;
  readonly value: unknown;
  readonly notes: readonly Note[];
}

/** Several rows in one buffer. */
export interface PackedRows {
  readonly sizes: Int32Array;
  readonly bytes: Uint8Array;
}

/** Copies rows into one buffer of their own, which can change threads without another copy. */
export function packRows(rows: readonly (Uint8Array | null)[]): PackedRows {
  const sizes = Int32Array.from(rows, (row) => row?.byteLength ?? -1);
  const bytes = new Uint8Array(rows.reduce((sum, row) => sum + (row?.byteLength ?? 0), 0));
  let at = 0;
  for (const row of rows) {
    if (row === null) continue;
    bytes.set(row, at);
    at += row.byteLength;
  }
  return { sizes, bytes };
}

/** The inverse of {@link packRows}: views into its buffer. */
export function unpackRows({ sizes, bytes }: PackedRows): (Uint8Array | null)[] {
  let at = 0;
  return Array.from(sizes, (size) => {
    if (size < 0) return null;
    at += size;
    return bytes.subarray(at - size, at);
  });
}
