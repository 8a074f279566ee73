import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";
import { storeWriteFailed } from "../core/errors.js";
import { syncFolder, writeAll } from "./atomic.js";

/**
 * A journal of finished batches: what survives a kill. The first line is a JSON
 * header that says whose batches these are, the second the plan (JSON) that they
 * follow; behind it stand frames
 * `magic | meta bytes | payload bytes | crc32 | meta (JSON) | payload`, each
 * synced before it counts. A torn last frame is cut off when the journal is opened.
 */
export interface Journal<M, P> {
  /** The plan as it was when the journal was begun, whatever the caller would plan now. */
  readonly plan: P;
  /** True when batches of another pass, or damaged ones, were there and had to be thrown away. */
  readonly discarded: boolean;
  /** Frames found at opening or appended since, in order. */
  readonly frames: readonly { readonly meta: M; readonly at: number; readonly bytes: number }[];
  /** Appends frames with one sync; durable when it resolves, and where it fails none of them is there. */
  append(...entries: readonly { readonly meta: M; readonly payload: Uint8Array }[]): Promise<void>;
  /** The payload of frame `i`, read from disk. */
  read(i: number): Promise<Buffer>;
  close(): Promise<void>;
}

const MAGIC = 0x4a524e4c;
const HEAD = 16;
const SCHEMA = "rag-cells/journal@4";
/** A header is one short line; what has no end of line by here is none. */
const MOST_HEADER = 1024;

interface Frame<M> {
  readonly meta: M;
  readonly at: number;
  readonly bytes: number;
}

/** What was found on disk: a whole header with its plan and frames, or nothing of use. */
interface Found<M, P> {
  readonly plan: P;
  readonly frames: Frame<M>[];
  /** Where the last whole frame ends. */
  readonly end: number;
}

/**
 * Opens or begins a journal. The plan is stored in it, because it decides the last
 * bits of the results: a pass that goes on keeps to the plan it began with. A
 * journal under another key is begun anew: its batches answer another question.
 *
 * @param key what the batches mean; equal keys mean that each batch of a plan gives equal results
 * @param makePlan called when the journal is new
 * @throws RagError `store_write_failed` when the disk refuses a write; whatever `makePlan` throws
 */
export async function openJournal<M, P>(path: string, key: string, makePlan: () => Promise<P>): Promise<Journal<M, P>> {
  const file = await openOrCreate(path).catch((cause) => {
    throw storeWriteFailed(path, "the journal", cause);
  });
  const frames: Frame<M>[] = [];
  let plan: P;
  let end: number;
  let discarded = false;
  try {
    const size = (await file.stat()).size;
    const found = await readJournal<M, P>(file, size, key);
    plan = found ? found.plan : await makePlan();
    try {
      if (found) {
        frames.push(...found.frames);
        end = found.end;
        await file.truncate(end);
      } else {
        discarded = await holdsFrames(file, size);
        const header = encodeHeader(key, plan);
        await file.truncate(0);
        await writeAll(file, header, 0);
        end = header.length;
      }
      await file.datasync();
      await syncFolder(dirname(path));
    } catch (cause) {
      throw storeWriteFailed(path, "the journal", cause);
    }
  } catch (error) {
    await file.close();
    throw error;
  }

  return {
    plan,
    discarded,
    frames,
    async append(...entries) {
      const parts: Uint8Array[] = [];
      const added: Frame<M>[] = [];
      let at = end;
      for (const { meta, payload } of entries) {
        const json = Buffer.from(JSON.stringify(meta));
        const head = Buffer.alloc(HEAD);
        head.writeUInt32LE(MAGIC, 0);
        head.writeUInt32LE(json.length, 4);
        head.writeUInt32LE(payload.byteLength, 8);
        head.writeUInt32LE(crc32(payload, crc32(json)), 12);
        parts.push(head, json, payload);
        added.push({ meta, at: at + HEAD + json.length, bytes: payload.byteLength });
        at += HEAD + json.length + payload.byteLength;
      }
      try {
        await writeAll(file, Buffer.concat(parts), end);
        await file.datasync();
      } catch (cause) {
        // A sync that failed leaves bytes that can be read and yet may never reach the disk: they must not be taken over.
        await file.truncate(end).catch(() => {});
        throw storeWriteFailed(path, "a finished batch", cause);
      }
      frames.push(...added);
      end = at;
    },
    async read(i) {
      const frame = frames[i];
      if (!frame) throw new RangeError(`journal frame ${i} of ${frames.length}`);
      return readExactly(file, frame.at, frame.bytes);
    },
    close: () => file.close(),
  };
}

/** Only a journal that is not there is created: one that can't be opened just now holds finished batches. */
function openOrCreate(path: string): Promise<FileHandle> {
  return open(path, "r+").catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
    return open(path, "wx+");
  });
}

/** `{"schema", "key", "bytes", "crc"}`, then the plan of that many bytes, each on a line of its own. */
function encodeHeader(key: string, plan: unknown): Buffer {
  const json = Buffer.from(JSON.stringify(plan));
  const head = { schema: SCHEMA, key, bytes: json.length, crc: crc32(json) };
  return Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), json, Buffer.from("\n")]);
}

/** The journal's content where it is whole up to its plan and belongs to `key`, else null. */
async function readJournal<M, P>(file: FileHandle, size: number, key: string): Promise<Found<M, P> | null> {
  const start = await readExactly(file, 0, Math.min(size, MOST_HEADER));
  const lineEnd = start.indexOf(10);
  if (lineEnd < 0) return null;
  const head = parseHead(start.toString("utf8", 0, lineEnd));
  if (head?.schema !== SCHEMA || head.key !== key) return null;
  const planEnd = lineEnd + 1 + head.bytes;
  if (planEnd + 1 > size) return null;
  const json = await readExactly(file, lineEnd + 1, head.bytes);
  if (crc32(json) !== head.crc) return null;
  const { frames, end } = await readFrames<M>(file, size, planEnd + 1);
  return { plan: JSON.parse(json.toString("utf8")) as P, frames, end };
}

interface Head {
  readonly schema: string;
  readonly key: string;
  readonly bytes: number;
  readonly crc: number;
}

function parseHead(line: string): Head | null {
  try {
    const head = JSON.parse(line) as Partial<Head> | null;
    const whole = Number.isSafeInteger(head?.bytes) && (head?.bytes as number) >= 0;
    return whole ? (head as Head) : null;
  } catch {
    return null;
  }
}

/** Collects whole frames from `at` on, up to the first that is torn or altered. */
async function readFrames<M>(file: FileHandle, size: number, at: number): Promise<{ frames: Frame<M>[]; end: number }> {
  const frames: Frame<M>[] = [];
  let end = at;
  while (end + HEAD <= size) {
    const head = await readExactly(file, end, HEAD);
    const metaBytes = head.readUInt32LE(4);
    const bytes = head.readUInt32LE(8);
    const next = end + HEAD + metaBytes + bytes;
    if (head.readUInt32LE(0) !== MAGIC || next > size) break;
    const body = await readExactly(file, end + HEAD, metaBytes + bytes);
    if (crc32(body) !== head.readUInt32LE(12)) break;
    frames.push({
      meta: JSON.parse(body.toString("utf8", 0, metaBytes)) as M,
      at: end + HEAD + metaBytes,
      bytes,
    });
    end = next;
  }
  return { frames, end };
}

/**
 * How many batches a journal holds, under whatever key. Frames whose record names the same device and batch are one; others,
 * such as blocks of kept rows, count each. Nothing is written, and checksums are not computed; 0 for a file that is no journal.
 */
export async function countBatches(path: string): Promise<number> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const start = await readExactly(file, 0, Math.min(size, MOST_HEADER));
    const lineEnd = start.indexOf(10);
    const header = lineEnd < 0 ? null : parseHead(start.toString("utf8", 0, lineEnd));
    if (header?.schema !== SCHEMA) return 0;
    const batches = new Set<string>();
    for (let at = lineEnd + 1 + header.bytes + 1; at + HEAD <= size; ) {
      const head = await readExactly(file, at, HEAD);
      const metaBytes = head.readUInt32LE(4);
      const next = at + HEAD + metaBytes + head.readUInt32LE(8);
      if (head.readUInt32LE(0) !== MAGIC || next > size) break;
      batches.add(batchOf(await readExactly(file, at + HEAD, metaBytes)) ?? `frame ${at}`);
      at = next;
    }
    return batches.size;
  } finally {
    await file.close();
  }
}

function batchOf(json: Buffer): string | null {
  try {
    const { record } = JSON.parse(json.toString("utf8")) as { record?: { device?: string; batch?: number } | null };
    return record?.batch === undefined ? null : `batch ${record.batch} of ${record.device}`;
  } catch {
    return null;
  }
}

/** Whether a journal that can't be used held any finished batch, as far as can be told: more than a header that was torn. */
async function holdsFrames(file: FileHandle, size: number): Promise<boolean> {
  if (size === 0) return false;
  const magic = Buffer.alloc(4);
  magic.writeUInt32LE(MAGIC, 0);
  const PIECE = 1 << 20;
  for (let at = 0; at < size; at += PIECE) {
    const piece = await readExactly(file, at, Math.min(PIECE + 3, size - at));
    if (piece.includes(magic)) return true;
  }
  return false;
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
