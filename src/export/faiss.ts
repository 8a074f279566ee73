import { type FileHandle, open } from "node:fs/promises";
import { indexFileDamaged } from "../core/errors.js";
import { openAtomic, type Written } from "../store/atomic.js";
import { blocksOf, type RowSource } from "./rows.js";

/** What a flat index compares vectors by. */
export type FlatMetric = "inner_product" | "l2";

/** A flat FAISS index opened for reading. */
export interface FlatIndex extends RowSource {
  readonly metric: FlatMetric;
  close(): Promise<void>;
}

const HEADER_BYTES = 45;
/** FAISS writes this twice where older versions had fields. */
const PLACEHOLDER = 1n << 20n;
const FOURCC: Readonly<Record<FlatMetric, string>> = { inner_product: "IxFI", l2: "IxF2" };
const METRIC_CODE: Readonly<Record<FlatMetric, number>> = { inner_product: 0, l2: 1 };

/**
 * Writes rows as a FAISS `IndexFlatIP` or `IndexFlatL2`, byte for byte as
 * `faiss.write_index` does, without FAISS: a header of 45 bytes (all little
 * endian: fourcc, i32 dim, i64 rows, two i64 placeholders, u8 trained, i32
 * metric, u64 numbers), then the float32 rows.
 * Source of the layout: faiss/impl/index_write.cpp, `write_index_header` and `IndexFlat`.
 *
 * @throws RagError `store_write_failed`; the signal's reason when it aborts
 */
export async function writeFlatIndex(
  path: string,
  source: RowSource,
  metric: FlatMetric = "inner_product",
  signal?: AbortSignal,
): Promise<Written> {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write(FOURCC[metric], 0, "latin1");
  header.writeInt32LE(source.dim, 4);
  header.writeBigInt64LE(BigInt(source.rows), 8);
  header.writeBigInt64LE(PLACEHOLDER, 16);
  header.writeBigInt64LE(PLACEHOLDER, 24);
  header[32] = 1;
  header.writeInt32LE(METRIC_CODE[metric], 33);
  header.writeBigUInt64LE(BigInt(source.rows * source.dim), 37);
  const file = await openAtomic(path, "the FAISS index");
  try {
    await file.write(header);
    for await (const { data } of blocksOf(source, signal)) {
      await file.write(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
    return await file.commit();
  } catch (error) {
    await file.abort();
    throw error;
  }
}

/**
 * Opens a flat FAISS index. Header and file size are checked before any memory is taken.
 *
 * @throws RagError `index_damaged`, also for an index that is not flat
 */
export async function openFlatIndex(path: string): Promise<FlatIndex> {
  const file = await open(path, "r").catch((cause) => {
    throw indexFileDamaged(path, (cause as Error).message, cause);
  });
  try {
    return await openedIndex(file, path);
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function openedIndex(file: FileHandle, path: string): Promise<FlatIndex> {
  const { size } = await file.stat();
  if (size < HEADER_BYTES)
    throw indexFileDamaged(path, `it has ${size} bytes, and a header alone takes ${HEADER_BYTES}`);
  const header = await readBytes(file, path, 0, HEADER_BYTES);
  const fourcc = header.toString("latin1", 0, 4);
  const metric = (Object.keys(FOURCC) as FlatMetric[]).find((name) => FOURCC[name] === fourcc);
  if (!metric)
    throw indexFileDamaged(path, `it is of the kind ${JSON.stringify(fourcc)}; flat indexes (IxFI, IxF2) are read`);
  const dim = header.readInt32LE(4);
  const rows = Number(header.readBigInt64LE(8));
  const numbers = Number(header.readBigUInt64LE(37));
  if (dim < 1 || rows < 0) throw indexFileDamaged(path, `its header claims ${rows} vectors of ${dim} numbers`);
  if (header[32] !== 1 || header.readInt32LE(33) !== METRIC_CODE[metric]) {
    throw indexFileDamaged(
      path,
      `its header claims metric ${header.readInt32LE(33)}, trained ${header[32]}, for the kind ${fourcc}`,
    );
  }
  if (numbers !== rows * dim || size !== HEADER_BYTES + 4 * numbers) {
    const claim = `its header claims ${rows} vectors of ${dim} and ${numbers} numbers`;
    throw indexFileDamaged(
      path,
      `${claim}, which take ${HEADER_BYTES + 4 * rows * dim} bytes, and the file has ${size}`,
    );
  }
  return {
    metric,
    rows,
    dim,
    async readRows(from, to) {
      if (!(Number.isInteger(from) && Number.isInteger(to) && 0 <= from && from <= to && to <= rows)) {
        throw new RangeError(`rows ${from} to ${to} of ${rows}`);
      }
      const bytes = await readBytes(file, path, HEADER_BYTES + 4 * from * dim, 4 * (to - from) * dim);
      return new Float32Array(bytes.buffer as ArrayBuffer);
    },
    close: () => file.close(),
  };
}

/** Reads exactly `length` bytes into memory of their own. */
async function readBytes(file: FileHandle, path: string, at: number, length: number): Promise<Buffer> {
  const buffer = Buffer.from(new ArrayBuffer(length));
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(buffer, done, Math.min(length - done, 1 << 30), at + done);
    if (bytesRead === 0) throw indexFileDamaged(path, `it ends ${length - done} bytes early`);
    done += bytesRead;
  }
  return buffer;
}
