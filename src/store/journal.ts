import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";
import { storeWriteFailed } from "../core/errors.js";
import { syncFolder, writeAll } from "./atomic.js";
import { encodeFront, encodeHeader, type Frame, holdsFrames, readExactly, readJournal } from "./journal-format.js";

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
        const front = encodeFront(meta, payload);
        parts.push(front, payload);
        at += front.length;
        added.push({ meta, at, bytes: payload.byteLength });
        at += payload.byteLength;
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
