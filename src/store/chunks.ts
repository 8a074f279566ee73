import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { arrayFileDamaged } from "../core/errors.js";
import type { Chunk, ChunkRun, DocumentRecord } from "../schema/types.js";
import { openAtomic } from "./atomic.js";
import { readNpy, writeNpy } from "./npy.js";

const CHUNKS = "chunks.jsonl";
const OFFSETS = "chunks.offsets.npy";
const DOCUMENTS = "documents.jsonl";

/** Writes chunks and documents of a run, one line each, as they come. */
export interface ChunkWriter {
  add(record: DocumentRecord, chunks: readonly Chunk[]): Promise<void>;
  /** Makes all of it durable; returns the number of chunks. */
  finish(): Promise<number>;
  abort(): Promise<void>;
}

/** Begins the chunk files in a run's folder: `chunks.jsonl`, the byte offset of each line, `documents.jsonl`. */
export async function openChunkWriter(dir: string): Promise<ChunkWriter> {
  const chunks = await openAtomic(join(dir, CHUNKS));
  const documents = await openAtomic(join(dir, DOCUMENTS)).catch(async (error) => {
    await chunks.abort();
    throw error;
  });
  let offsets = new Float64Array(1024);
  let count = 0;
  let at = 0;
  return {
    async add(record, rows) {
      const lines: Buffer[] = [];
      for (const row of rows) {
        const line = Buffer.from(`${JSON.stringify(row)}\n`);
        if (count + 1 >= offsets.length) {
          const grown = new Float64Array(offsets.length * 2);
          grown.set(offsets);
          offsets = grown;
        }
        offsets[count++] = at;
        at += line.length;
        lines.push(line);
      }
      offsets[count] = at;
      if (lines.length > 0) await chunks.write(Buffer.concat(lines));
      await documents.write(Buffer.from(`${JSON.stringify(record)}\n`));
    },
    async finish() {
      await chunks.commit();
      await documents.commit();
      await writeNpy(join(dir, OFFSETS), offsets.subarray(0, count + 1), [count + 1]);
      return count;
    },
    async abort() {
      await chunks.abort();
      await documents.abort();
    },
  };
}

/** Chunks by row, straight from disk. */
export interface ChunkReader {
  readonly count: number;
  read(row: number): Promise<Chunk>;
  /** Rows `from .. to`, in order, 256 KiB at a time. */
  range(from?: number, to?: number): AsyncGenerator<Chunk>;
  close(): Promise<void>;
}

/**
 * Opens a chunk run's rows. Close it when done.
 *
 * @param run its folder, and where it is at hand the number of rows it should have
 * @throws RagError `array_damaged` when a file is missing, cut off or does not fit the others
 */
export async function openChunkReader(
  run: Pick<ChunkRun, "dir"> & Partial<Pick<ChunkRun, "count">>,
): Promise<ChunkReader> {
  const offsetsPath = join(run.dir, OFFSETS);
  const offsets = (await readNpy(offsetsPath, "float64")).data;
  const path = join(run.dir, CHUNKS);
  const file = await open(path, "r").catch((cause) => {
    throw arrayFileDamaged(path, (cause as Error).message, cause);
  });
  try {
    const problem = offsetsProblem(offsets, (await file.stat()).size, run.count ?? offsets.length - 1);
    if (problem) throw arrayFileDamaged(offsetsPath, problem);
  } catch (error) {
    await file.close();
    throw error;
  }
  return chunkReader(file, path, offsets);
}

/** What is wrong with the offsets of lines, or null. */
function offsetsProblem(offsets: Float64Array, bytes: number, count: number): string | null {
  if (offsets.length !== count + 1) return `it has ${offsets.length - 1} rows, its run says ${count}`;
  if (offsets[0] !== 0 || offsets[count] !== bytes) {
    return `its rows go from byte ${offsets[0]} to ${offsets[count]}, ${CHUNKS} has ${bytes} bytes`;
  }
  const down = offsets.findIndex((at, row) => row > 0 && !(at > (offsets[row - 1] as number)));
  return down < 0 ? null : `its offsets do not go up at row ${down}`;
}

function chunkReader(file: FileHandle, path: string, offsets: Float64Array): ChunkReader {
  const count = offsets.length - 1;
  const lines = async (from: number, to: number): Promise<Chunk[]> => {
    const start = offsets[from] as number;
    const text = (await readFully(file, path, start, (offsets[to] as number) - start)).toString("utf8");
    try {
      const chunks = text
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as Chunk);
      if (chunks.length === to - from) return chunks;
    } catch {
      // Said below.
    }
    throw arrayFileDamaged(path, `rows ${from} to ${to - 1} are no chunks, one a line`);
  };
  return {
    count,
    async read(row) {
      if (!(row >= 0 && row < count)) throw new RangeError(`chunk row ${row} of ${count}`);
      return (await lines(row, row + 1))[0] as Chunk;
    },
    async *range(from = 0, to = count) {
      for (let at = from; at < to; ) {
        let end = at + 1;
        while (end < to && (offsets[end + 1] as number) - (offsets[at] as number) < 1 << 18) end++;
        yield* await lines(at, end);
        at = end;
      }
    },
    close: () => file.close(),
  };
}

async function readFully(file: FileHandle, path: string, at: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(buffer, done, length - done, at + done);
    if (bytesRead === 0) throw arrayFileDamaged(path, `it ends ${length - done} bytes early`);
    done += bytesRead;
  }
  return buffer;
}
