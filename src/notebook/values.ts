/**
 * Values on their way between Python and a cell (`%ts_put`, `%ts_get`): the
 * cell's end. kaggle/rag_cells_values.py is the other. What Python could not
 * hold exactly is refused, by the path that leads to it, and never changed.
 */
import { open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { valueDamaged, valueRefused } from "../core/errors.js";
import { npyHeaderBytes } from "../store/npy-header.js";
import { jsonText } from "./strict-json.js";

type Numbers =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array;

/** An array of any number of dimensions, row-major. */
export interface ShapedArray {
  readonly data: Numbers;
  readonly shape: readonly number[];
}

/** NumPy's names of the element types that pass, and what holds them here. */
const TYPES: Readonly<
  Record<string, { readonly descr: string; readonly array: new (buffer: ArrayBuffer) => Numbers }>
> = {
  float32: { descr: "<f4", array: Float32Array },
  float64: { descr: "<f8", array: Float64Array },
  int8: { descr: "|i1", array: Int8Array },
  int16: { descr: "<i2", array: Int16Array },
  int32: { descr: "<i4", array: Int32Array },
  int64: { descr: "<i8", array: BigInt64Array },
  uint8: { descr: "|u1", array: Uint8Array },
  uint16: { descr: "<u2", array: Uint16Array },
  uint32: { descr: "<u4", array: Uint32Array },
  uint64: { descr: "<u8", array: BigUint64Array },
};

/** Reads and writes go by pieces that the system takes in one call. */
const PIECE_BYTES = 1 << 30;

/**
 * Reads the array that Python said it wrote: header, type, shape and size are
 * checked before any memory is taken.
 * @throws RagError `value_damaged`
 */
export async function readArray(path: string, dtype: string, shape: number[]): Promise<ShapedArray> {
  const type = TYPES[dtype];
  if (type === undefined) throw valueDamaged(path, `its type ${dtype} is unknown`);
  const header = npyHeaderBytes(type.descr, shape);
  const bytes = shape.reduce((a, b) => a * b, 1) * bytesEach(type.descr);
  const file = await open(path, "r").catch((cause: Error) => {
    throw valueDamaged(path, cause.message);
  });
  try {
    const { size } = await file.stat();
    if (size !== header.length + bytes)
      throw valueDamaged(path, `${header.length + bytes} bytes expected, ${size} found`);
    const found = Buffer.alloc(header.length);
    await file.read(found, 0, found.length, 0);
    if (!found.equals(header)) throw valueDamaged(path, `its header is not that of ${dtype} (${shape.join(", ")})`);
    const buffer = new ArrayBuffer(bytes);
    const whole = new Uint8Array(buffer);
    for (let done = 0; done < bytes; ) {
      const length = Math.min(PIECE_BYTES, bytes - done);
      const { bytesRead } = await file.read(whole, done, length, header.length + done);
      if (bytesRead === 0) throw valueDamaged(path, `it ends ${bytes - done} bytes early`);
      done += bytesRead;
    }
    return { data: new type.array(buffer), shape };
  } finally {
    await file.close();
  }
}

/**
 * Reads the JSON that Python said it wrote, of `bytes` bytes.
 * @throws RagError `value_damaged`
 */
export async function readJson(path: string, bytes: number): Promise<unknown> {
  const text = await readFile(path, "latin1").catch((cause: Error) => {
    throw valueDamaged(path, cause.message);
  });
  if (text.length !== bytes) throw valueDamaged(path, `${bytes} bytes expected, ${text.length} found`);
  return JSON.parse(text);
}

/**
 * Writes a cell's value into a folder: a typed array, `{ data, shape }` or a
 * matrix `{ data, rows, dim }` as `value.npy`, all else as `value.json`.
 * @param name what the value is called in messages.
 * @throws RagError `value_refused`
 */
export async function writeValue(value: unknown, name: string, folder: string): Promise<void> {
  const array = shapedArray(value);
  if (array === null) {
    await writeFile(join(folder, "value.json"), jsonText(value, name), { mode: 0o600 });
    return;
  }
  const { data, shape } = array;
  const type = Object.values(TYPES).find((known) => known.array.name === data[Symbol.toStringTag]);
  if (type === undefined) {
    throw valueRefused(
      name,
      `is a ${data[Symbol.toStringTag]}, which does not pass`,
      "Copy it into another typed array.",
    );
  }
  const product = shape.reduce((a, b) => a * b, 1);
  if (!shape.every((n) => Number.isSafeInteger(n) && n >= 0) || product !== data.length) {
    throw valueRefused(
      name,
      `holds ${data.length} numbers, which the shape (${shape.join(", ")}) does not`,
      "Correct the shape.",
    );
  }
  const file = await open(join(folder, "value.npy"), "w", 0o600);
  try {
    await file.write(npyHeaderBytes(type.descr, shape));
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    for (let done = 0; done < bytes.length; ) {
      done += (await file.write(bytes, done, Math.min(PIECE_BYTES, bytes.length - done))).bytesWritten;
    }
  } finally {
    await file.close();
  }
}

/** The value as an array, or null where it is none. */
function shapedArray(value: unknown): ShapedArray | null {
  if (isNumbers(value)) return { data: value, shape: [value.length] };
  if (typeof value !== "object" || value === null) return null;
  const { data, shape, rows, dim } = value as Record<string, unknown>;
  if (!isNumbers(data)) return null;
  const keys = Object.keys(value).sort().join();
  if (keys === "data,shape" && Array.isArray(shape)) return { data, shape };
  return keys === "data,dim,rows" ? { data, shape: [rows as number, dim as number] } : null;
}

function isNumbers(value: unknown): value is Numbers {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

function bytesEach(descr: string): number {
  return Number(descr.slice(2));
}
