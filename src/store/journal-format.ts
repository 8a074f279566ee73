/** How a journal looks on the disk, and what is found in one; `journal.ts` says what it is for. */
import { type FileHandle, open } from "node:fs/promises";
import { crc32 } from "node:zlib";

const MAGIC = 0x4a524e4c;
const HEAD = 16;
const SCHEMA = "rag-cells/journal@4";
/** A header is one short line; what has no end of line by here is none. */
const MOST_HEADER = 1024;

/** A frame, and where its payload stands. */
export interface Frame<M> {
  readonly meta: M;
  readonly at: number;
  readonly bytes: number;
}

/** What was found on disk: a whole header with its plan and frames, or nothing of use. */
export interface Found<M, P> {
  readonly plan: P;
  readonly frames: Frame<M>[];
  /** Where the last whole frame ends. */
  readonly end: number;
}

/** `{"schema", "key", "bytes", "crc"}`, then the plan of that many bytes, each on a line of its own. */
export function encodeHeader(key: string, plan: unknown): Buffer {
  const json = Buffer.from(JSON.stringify(plan));
  const head = { schema: SCHEMA, key, bytes: json.length, crc: crc32(json) };
  return Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), json, Buffer.from("\n")]);
}

/** What stands before a frame's payload: its head and its meta. */
export function encodeFront(meta: unknown, payload: Uint8Array): Buffer {
  const json = Buffer.from(JSON.stringify(meta));
  const head = Buffer.alloc(HEAD);
  head.writeUInt32LE(MAGIC, 0);
  head.writeUInt32LE(json.length, 4);
  head.writeUInt32LE(payload.byteLength, 8);
  head.writeUInt32LE(crc32(payload, crc32(json)), 12);
  return Buffer.concat([head, json]);
}

/** The journal's content where it is whole up to its plan and belongs to `key`, else null. */
export async function readJournal<M, P>(file: FileHandle, size: number, key: string): Promise<Found<M, P> | null> {
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
 * such as blocks of kept rows, count each, and those that tell an event do not. Nothing is written, and checksums are not computed; 0 for a file that is no journal.
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
      const { record, event } = metaOf(await readExactly(file, at + HEAD, metaBytes));
      if (!event) batches.add(record ? `batch ${record.batch} of ${record.device}` : `frame ${at}`);
      at = next;
    }
    return batches.size;
  } finally {
    await file.close();
  }
}

interface CountedMeta {
  readonly record?: { readonly device: string; readonly batch: number } | null;
  readonly event?: object | null;
}

function metaOf(json: Buffer): CountedMeta {
  try {
    return JSON.parse(json.toString("utf8")) as CountedMeta;
  } catch {
    return {};
  }
}

/** Whether a journal that can't be used held any finished batch, as far as can be told: more than a header that was torn. */
export async function holdsFrames(file: FileHandle, size: number): Promise<boolean> {
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

export async function readExactly(file: FileHandle, at: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.alloc(bytes);
  for (let done = 0; done < bytes; ) {
    const { bytesRead } = await file.read(buffer, done, bytes - done, at + done);
    if (bytesRead === 0) throw new RangeError(`the journal ends at ${at + done}, ${bytes - done} bytes early`);
    done += bytesRead;
  }
  return buffer;
}
