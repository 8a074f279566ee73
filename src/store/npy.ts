import { type FileHandle, open } from "node:fs/promises";
import { endianness } from "node:os";
import { arrayFileDamaged, arrayShapeWrong } from "../core/errors.js";
import type { Matrix } from "../core/matrix.js";
import { openAtomic, type Written } from "./atomic.js";
import {
  encodeNpyHeader,
  NPY_PREFIX_BYTES,
  type NpyType,
  npyTypes,
  parseNpyHeader,
  readNpyPrefix,
} from "./npy-header.js";

export type { NpyType } from "./npy-header.js";

/** The array that holds each element type in memory. int64 values are exact integers below 2^53. */
export interface NpyArrays {
  readonly float32: Float32Array;
  readonly float64: Float64Array;
  readonly int64: Float64Array;
  readonly uint32: Uint32Array;
  readonly int8: Int8Array;
  readonly uint8: Uint8Array;
}

/** An array file opened for reading. `shape` is `[rows]` or `[rows, dim]`; `dim` is 1 for the former. */
export interface NpyFile<T extends NpyType = NpyType> {
  readonly type: T;
  readonly shape: readonly number[];
  readonly rows: number;
  readonly dim: number;
  /** Rows `from .. to` in memory of their own, row-major, without reading the rest of the file. */
  readRows(from: number, to: number): Promise<NpyArrays[T]>;
  close(): Promise<void>;
}

/**
 * Opens an `.npy` file (NumPy format 1.0 or 2.0, C order, little endian, 1-D or
 * 2-D). Header, type and file size are checked before any memory is taken.
 *
 * @param expected refuse any other element type
 * @throws RagError `array_damaged`
 */
export async function openNpy<T extends NpyType = NpyType>(path: string, expected?: T): Promise<NpyFile<T>> {
  const file = await open(path, "r").catch((cause) => {
    throw arrayFileDamaged(path, (cause as Error).message, cause);
  });
  try {
    return await openedNpy(file, path, expected);
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function openedNpy<T extends NpyType>(file: FileHandle, path: string, expected?: T): Promise<NpyFile<T>> {
  const damaged = (problem: string) => arrayFileDamaged(path, problem);
  if (endianness() !== "LE") throw damaged("this machine is big-endian, and array files hold little-endian numbers");
  const { size } = await file.stat();
  const start = readNpyPrefix(await readBytes(file, path, 0, Math.min(size, NPY_PREFIX_BYTES)));
  if (typeof start === "string") throw damaged(start);
  if (start.dataAt > size) throw damaged(`it ends inside its header, at ${size} bytes`);
  const header = parseNpyHeader(
    (await readBytes(file, path, start.textAt, start.dataAt - start.textAt)).toString("latin1"),
  );
  if (typeof header === "string") throw damaged(header);
  const { type, shape } = header;
  if (expected !== undefined && type !== expected) throw damaged(`it holds ${type}, not ${expected}`);
  const [rows, dim] = [shape[0] as number, shape[1] ?? 1];
  const rowBytes = dim * npyTypes[type].bytes;
  const whole = start.dataAt + rows * rowBytes;
  if (size !== whole) {
    const off = size < whole ? `${whole - size} bytes are missing` : `${size - whole} bytes too many`;
    throw damaged(`${shape.join(" x ")} of ${type} take ${whole} bytes, the file has ${size}: ${off}`);
  }
  return {
    type: type as T,
    shape,
    rows,
    dim,
    async readRows(from, to) {
      if (!(Number.isInteger(from) && Number.isInteger(to) && 0 <= from && from <= to && to <= rows)) {
        throw new RangeError(`rows ${from} to ${to} of ${rows}`);
      }
      const bytes = await readBytes(file, path, start.dataAt + from * rowBytes, (to - from) * rowBytes);
      return arrayOver(bytes.buffer as ArrayBuffer, type, path) as NpyArrays[T];
    },
    close: () => file.close(),
  };
}

/** An array read whole. */
export interface NpyArray<T extends NpyType = NpyType> {
  readonly type: T;
  readonly shape: readonly number[];
  readonly data: NpyArrays[T];
}

/** Reads an `.npy` file whole; see {@link openNpy}. @throws RagError `array_damaged` */
export async function readNpy<T extends NpyType = NpyType>(path: string, expected?: T): Promise<NpyArray<T>> {
  const file = await openNpy(path, expected);
  try {
    return { type: file.type, shape: file.shape, data: await file.readRows(0, file.rows) };
  } finally {
    await file.close();
  }
}

/** Reads a float32 `.npy` file of `[rows, dim]`. @throws RagError `array_damaged` */
export async function readMatrix(path: string): Promise<Matrix> {
  const { data, shape } = await readNpy(path, "float32");
  if (shape.length !== 2) throw arrayFileDamaged(path, `it has the shape (${shape.join(", ")}), not rows and columns`);
  return { data, rows: shape[0] as number, dim: shape[1] as number };
}

/** What can be written: a typed array says its own type; a Float64Array of integers can be written as int64. */
export type NpyData = Float32Array | Float64Array | BigInt64Array | Uint32Array | Int8Array | Uint8Array;

/**
 * Writes an `.npy` file, the same bytes as `numpy.save`, whole or not at all.
 *
 * @param shape `[rows]` or `[rows, dim]`; its product is the array's length
 * @param type int64 for a Float64Array of integers; otherwise the array's own type
 * @throws RagError `store_write_failed`, `array_shape`
 */
export async function writeNpy(
  path: string,
  data: NpyData,
  shape: readonly number[],
  type = typeOf(data),
): Promise<Written> {
  const file = await openNpyWriter(path, type, shape);
  try {
    await file.write(data);
    return await file.commit();
  } catch (error) {
    await file.abort();
    throw error;
  }
}

/** An `.npy` file in the making; its shape is known before its rows. */
export interface NpyWriter {
  /** Appends whole rows, row-major. */
  write(rows: NpyData): Promise<void>;
  /** @throws RagError `array_shape` when rows are missing */
  commit(): Promise<Written>;
  abort(): Promise<void>;
}

/** Begins an `.npy` file whose rows come in turn. @throws RagError `store_write_failed`, `array_shape` */
export async function openNpyWriter(path: string, type: NpyType, shape: readonly number[]): Promise<NpyWriter> {
  const total = shape.reduce((a, b) => a * b, 1);
  if (
    shape.length < 1 ||
    shape.length > 2 ||
    !shape.every((n) => Number.isSafeInteger(n) && n >= 0) ||
    !Number.isSafeInteger(total * 8)
  ) {
    throw arrayShapeWrong(path, `the shape is (${shape.join(", ")})`);
  }
  const file = await openAtomic(path, `an array of ${shape.join(" x ")} ${type}`);
  let written = 0;
  const refuse = async (problem: string): Promise<never> => {
    await file.abort();
    throw arrayShapeWrong(path, problem);
  };
  await file.write(encodeNpyHeader({ type, shape }));
  return {
    async write(rows) {
      if (typeOf(rows) !== type && !(type === "int64" && rows instanceof Float64Array)) {
        await refuse(`${typeOf(rows)} rows were given for ${type}`);
      }
      if (rows.length % Math.max(1, shape[1] ?? 1) !== 0)
        await refuse(`${rows.length} numbers are no whole rows of ${shape[1]}`);
      if (written + rows.length > total) await refuse(`more than ${total} numbers were given`);
      written += rows.length;
      const raw = type === "int64" && rows instanceof Float64Array ? toInt64(rows, path) : rows;
      await file.write(new Uint8Array(raw.buffer, raw.byteOffset, raw.byteLength));
    },
    async commit() {
      if (written !== total) await refuse(`${written} numbers were given for ${shape.join(" x ")}`);
      return file.commit();
    },
    abort: () => file.abort(),
  };
}

function typeOf(data: NpyData): NpyType {
  if (data instanceof Float32Array) return "float32";
  if (data instanceof Float64Array) return "float64";
  if (data instanceof BigInt64Array) return "int64";
  if (data instanceof Uint32Array) return "uint32";
  return data instanceof Int8Array ? "int8" : "uint8";
}

function toInt64(values: Float64Array, path: string): BigInt64Array {
  const out = new BigInt64Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (!Number.isSafeInteger(value))
      throw arrayShapeWrong(path, `element ${i} is ${value}, no integer that int64 rows can take`);
    out[i] = BigInt(value);
  }
  return out;
}

function arrayOver(buffer: ArrayBuffer, type: NpyType, path: string): NpyArrays[NpyType] {
  if (type === "float32") return new Float32Array(buffer);
  if (type === "float64") return new Float64Array(buffer);
  if (type === "uint32") return new Uint32Array(buffer);
  if (type === "int8") return new Int8Array(buffer);
  if (type === "uint8") return new Uint8Array(buffer);
  const wide = new BigInt64Array(buffer);
  const out = new Float64Array(wide.length);
  for (let i = 0; i < wide.length; i++) {
    out[i] = Number(wide[i]);
    if (!Number.isSafeInteger(out[i]))
      throw arrayFileDamaged(path, `element ${i} is ${wide[i]}, beyond the integers that are exact here`);
  }
  return out;
}

/** Reads exactly `length` bytes into memory of their own. */
async function readBytes(file: FileHandle, path: string, at: number, length: number): Promise<Buffer> {
  const buffer = Buffer.from(new ArrayBuffer(length));
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(buffer, done, Math.min(length - done, 1 << 30), at + done);
    if (bytesRead === 0) throw arrayFileDamaged(path, `it ends ${length - done} bytes early`);
    done += bytesRead;
  }
  return buffer;
}
