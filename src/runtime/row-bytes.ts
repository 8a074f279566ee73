import type { DenseBatch, SparseBatch } from "./types.js";

/** What a model gives for a row: as many numbers as the vector is wide, or its non-zero terms. */
export type RowKind = "dense" | "sparse";

/** Bytes of a batch's output: float32 rows, or u32 offsets, u32 indices, float32 values. */
export function packOutput(output: DenseBatch | SparseBatch): Uint8Array {
  if (output.kind === "dense") return bytesOf(output.data);
  return Buffer.concat([bytesOf(output.indptr), bytesOf(output.indices), bytesOf(output.values)]);
}

/** What has to be known of a packed output beside its bytes. */
export interface OutputHead {
  readonly kind: RowKind;
  readonly rows: number;
  readonly dim: number;
  readonly bytes: number;
}

/** A packed output as it was, over the same bytes, which have to begin where any number may. */
export function unpackOutput({ kind, rows, dim }: OutputHead, { buffer, byteOffset, byteLength }: Uint8Array) {
  const data = buffer as ArrayBuffer;
  if (kind === "dense") return { kind, dim, data: new Float32Array(data, byteOffset, byteLength / 4) } as const;
  return { kind, dim, ...sparseViews(data, byteOffset, rows) } as const;
}

/** A packed dense output: float32 `[rows, dim]`, row-major. */
export function unpackDense(payload: Uint8Array): Float32Array {
  return new Float32Array(copyOf(payload));
}

/** A packed sparse output: for each row its terms, ascending. */
export function unpackSparse(
  payload: Uint8Array,
  rows: number,
): { indptr: Uint32Array; indices: Uint32Array; values: Float32Array } {
  return sparseViews(copyOf(payload), 0, rows);
}

function sparseViews(buffer: ArrayBuffer, from: number, rows: number) {
  const indptr = new Uint32Array(buffer, from, rows + 1);
  const terms = indptr[rows] as number;
  return {
    indptr,
    indices: new Uint32Array(buffer, from + (rows + 1) * 4, terms),
    values: new Float32Array(buffer, from + (rows + 1 + terms) * 4, terms),
  };
}

/** Each row of a packed output alone: its float32 numbers, or u32 indices and as many float32 values. */
export function splitRows(payload: Uint8Array, kind: RowKind, rows: number): Uint8Array[] {
  if (kind === "dense") {
    const width = payload.byteLength / rows;
    return Array.from({ length: rows }, (_, r) => payload.subarray(r * width, (r + 1) * width));
  }
  const { indptr, indices, values } = unpackSparse(payload, rows);
  return Array.from({ length: rows }, (_, r) => {
    const [from, to] = [indptr[r] as number, indptr[r + 1] as number];
    return Buffer.concat([bytesOf(indices.subarray(from, to)), bytesOf(values.subarray(from, to))]);
  });
}

/** Rows that stood alone as one packed output; the inverse of {@link splitRows}. */
export function joinRows(rows: readonly Uint8Array[], kind: RowKind): Uint8Array {
  if (kind === "dense") return Buffer.concat(rows);
  const indptr = new Uint32Array(rows.length + 1);
  for (const [r, row] of rows.entries()) indptr[r + 1] = (indptr[r] as number) + row.byteLength / 8;
  return Buffer.concat([
    bytesOf(indptr),
    ...rows.map((row) => row.subarray(0, row.byteLength / 2)),
    ...rows.map((row) => row.subarray(row.byteLength / 2)),
  ]);
}

function bytesOf(data: Float32Array | Uint32Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** A copy whose first byte stands where any number may begin. */
function copyOf({ buffer, byteOffset, byteLength }: Uint8Array): ArrayBuffer {
  return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
}
