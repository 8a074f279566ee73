import { createHash } from "node:crypto";

/** A space as its rows are looked up and checked. */
export interface RowSpace {
  readonly hash: Uint8Array;
  readonly model: string;
  readonly dtype: string;
  readonly output: "dense" | "sparse";
  readonly width: number;
}

/** Bytes of a row's checksum, which stands before its payload: the head of a sha256. */
const SUM_BYTES = 16;

/** A payload as it is stored: behind a checksum over space, text and payload, so that one in another's place is seen. */
export function sealed(space: Uint8Array, text: Uint8Array, payload: Uint8Array): Uint8Array {
  return Buffer.concat([checksum(space, text, payload), payload]);
}

/** The payload of a stored row, or null where its checksum differs. */
export function unsealed(space: Uint8Array, text: Uint8Array, data: Uint8Array): Uint8Array | null {
  const payload = data.subarray(SUM_BYTES);
  return checksum(space, text, payload).equals(data.subarray(0, SUM_BYTES)) ? payload : null;
}

function checksum(space: Uint8Array, text: Uint8Array, payload: Uint8Array): Buffer {
  return createHash("sha256").update(space).update(text).update(payload).digest().subarray(0, SUM_BYTES);
}

/** Whether a payload is a row of its space: of the right size, and every number finite. A sparse row is its indices, then its values. */
export function isRow({ output, width }: RowSpace, payload: Uint8Array): boolean {
  const { byteLength } = payload;
  if (output === "dense") return byteLength === width * 4 && allFinite(payload);
  return byteLength % 8 === 0 && byteLength / 8 <= width && allFinite(payload.subarray(byteLength / 2));
}

/** Copied, since a payload may begin at any byte. */
function allFinite(bytes: Uint8Array): boolean {
  return new Float32Array(bytes.slice().buffer).every(Number.isFinite);
}
