import { type FileHandle, open } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { storeWriteFailed } from "../core/errors.js";

/**
 * A journal of finished batches: what survives a kill. The first line is a JSON
 * header that names the plan it belongs to; behind it stand frames
 * `magic | meta bytes | payload bytes | crc32 | meta (JSON) | payload`, each
 * synced before it counts. A torn last frame is cut off when the journal is opened.
 */
export interface Journal<M> {
  /** Frames found at opening or appended since, in order. */
  readonly frames: readonly { readonly meta: M; readonly at: number; readonly bytes: number }[];
  /** Durable when it resolves. */
  append(meta: M, payload: Uint8Array): Promise<void>;
  /** The payload of frame `i`, read from disk. */
  read(i: number): Promise<Buffer>;
  close(): Promise<void>;
}

const MAGIC = 0x4a524e4c;
const HEAD = 16;
const SCHEMA = "rag-cells/journal@1";

/**
 * Opens or begins the journal of one plan. A journal that belongs to another plan
 * (other rows, other order, other code) is begun anew: its batches answer another question.
 *
 * @param plan what the batches mean; equal strings mean equal batches
 * @throws RagError `store_write_failed` when the disk refuses a write
 */
export async function openJournal<M>(path: string, plan: string): Promise<Journal<M>> {
  const file = await open(path, "r+").catch(() => open(path, "w+"));
  const header = Buffer.from(`${JSON.stringify({ schema: SCHEMA, plan })}\n`);
  const frames: { meta: M; at: number; bytes: number }[] = [];
  let end: number;
  try {
    end = await readFrames(file, header, frames);
    if (end === 0) {
      await file.truncate(0);
      await writeAll(file, header, 0);
      end = header.length;
    } else {
      await file.truncate(end);
    }
    await file.datasync();
  } catch (cause) {
    await file.close();
    throw storeWriteFailed(path, "the journal", cause);
  }

  return {
    frames,
    async append(meta, payload) {
      const json = Buffer.from(JSON.stringify(meta));
      const head = Buffer.alloc(HEAD);
      head.writeUInt32LE(MAGIC, 0);
      head.writeUInt32LE(json.length, 4);
      head.writeUInt32LE(payload.byteLength, 8);
      head.writeUInt32LE(crc32(payload, crc32(json)), 12);
      try {
        await writeAll(file, Buffer.concat([head, json, payload]), end);
        await file.datasync();
      } catch (cause) {
        throw storeWriteFailed(path, "a finished batch", cause);
      }
      frames.push({ meta, at: end + HEAD + json.length, bytes: payload.byteLength });
      end += HEAD + json.length + payload.byteLength;
    },
    async read(i) {
      const frame = frames[i];
      if (!frame) throw new RangeError(`journal frame ${i} of ${frames.length}`);
      return readExactly(file, frame.at, frame.bytes);
    },
    close: () => file.close(),
  };
}

/** Collects whole frames; returns where the last one ends, or 0 when the journal is new or of another plan. */
async function readFrames<M>(
  file: FileHandle,
  header: Buffer,
  frames: { meta: M; at: number; bytes: number }[],
): Promise<number> {
  const size = (await file.stat()).size;
  if (size < header.length || !(await readExactly(file, 0, header.length)).equals(header)) return 0;
  let at = header.length;
  while (at + HEAD <= size) {
    const head = await readExactly(file, at, HEAD);
    const metaBytes = head.readUInt32LE(4);
    const bytes = head.readUInt32LE(8);
    const next = at + HEAD + metaBytes + bytes;
    if (head.readUInt32LE(0) !== MAGIC || next > size) break;
    const body = await readExactly(file, at + HEAD, metaBytes + bytes);
    if (crc32(body) !== head.readUInt32LE(12)) break;
    frames.push({ meta: JSON.parse(body.toString("utf8", 0, metaBytes)) as M, at: at + HEAD + metaBytes, bytes });
    at = next;
  }
  return at;
}

async function readExactly(file: FileHandle, at: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.alloc(bytes);
  for (let done = 0; done < bytes; ) {
    const { bytesRead } = await file.read(buffer, done, bytes - done, at + done);
    if (bytesRead === 0) throw new RangeError(`the journal ends at ${at + done}, ${bytes - done} bytes early`);
    done += bytesRead;
  }
  return buffer;
}

async function writeAll(file: FileHandle, data: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < data.byteLength; ) {
    done += (await file.write(data, done, data.byteLength - done, at + done)).bytesWritten;
  }
}
