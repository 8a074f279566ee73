import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type ZipSource, zipOf } from "../archive/write-zip.js";
import { RagError, sessionNotPackable, sessionPackNotVerified, sessionPackWriteFailed } from "../core/errors.js";
import { formatSessionPack, SESSION_PACK_FILE, type SessionPackFile } from "../schema/session-pack.js";
import type { Stoppable } from "../stage/stop.js";
import { makeFolders, openAtomic, removeLeftovers, type Written } from "../store/atomic.js";
import { requireSpace } from "../store/disk.js";
import type { DiskQuota } from "../store/quota.js";
import type { SessionContents, SessionPart } from "./contents.js";
import { listPack } from "./list.js";
import { openPack } from "./open.js";
import { readPack } from "./read.js";

const BLOCK_BYTES = 256 << 10;
/** What gets smaller in deflating, to about half where it is numbers; arrays and journals do not. */
const TEXT = /\.(json|jsonl|txt)$/;
const TEXT_SHARE = 0.5;

/**
 * Writes the zip aside, reads it back from there, compares every hash, and only then
 * gives it its name. Memory does not grow with the session.
 *
 * @param dir the session's folder
 * @throws RagError `disk_too_small`, `pack_write_failed`, `pack_not_verified`, `session_not_packable`
 */
export async function writePack(
  target: string,
  dir: string,
  { files, runs }: SessionContents,
  about: Pick<SessionPackFile, "session" | "library">,
  quota: DiskQuota | null,
  { signal, progress }: Stoppable,
): Promise<Written> {
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const line = progress({ label: "pack", total: (2 * total) / 1e6, unit: "MB" });
  let done = 0;
  const tell = (words: string) => (bytes: number) => {
    done += bytes;
    line.update(done / 1e6, words);
  };
  try {
    await makeFolders(dirname(target));
    await removeLeftovers(dirname(target), basename(target));
    await requireSpace(
      dirname(target),
      estimateOf(files),
      `The pack of session ${about.session}`,
      "name a file on another disk: packSession(session, { to })",
      quota,
    );
    const listed: SessionPackFile["files"] = [];
    const sources: ZipSource[] = files.map((part) => ({
      name: part.path,
      bytes: part.bytes,
      deflate: TEXT.test(part.path),
      content: () =>
        partOf(dir, part, signal, tell(part.path), (sha256) =>
          listed.push({ path: part.path, bytes: part.bytes, sha256 }),
        ),
    }));
    // Last, since only then every hash is known.
    let text = "";
    const manifest = async function* () {
      text = formatSessionPack({ ...about, packedAt: new Date().toISOString(), runs: [...runs], files: listed });
      yield Buffer.from(text);
    };
    sources.push({ name: SESSION_PACK_FILE, bytes: null, deflate: true, content: manifest });
    const out = await openAtomic(target, "the pack");
    try {
      for await (const block of zipOf(sources)) await out.write(block);
      const written = await out.commit((aside) => readBack(aside, target, text, signal, tell("read back")));
      line.finish();
      return written;
    } finally {
      await out.abort();
    }
  } catch (error) {
    line.fail(error instanceof Error ? error.message : String(error));
    if (signal.aborted || (error instanceof RagError && error.code !== "store_write_failed")) throw error;
    throw sessionPackWriteFailed(target, error);
  }
}

/** Bytes that the zip will have, about: half of what is text, all of the rest, and the entries' heads. */
function estimateOf(files: readonly SessionPart[]): number {
  return files.reduce(
    (sum, { path, bytes }) => sum + (TEXT.test(path) ? bytes * TEXT_SHARE : bytes) + 4 * path.length + 256,
    0,
  );
}

/** The bytes of a file as it was when it was listed, and no others. @throws RagError `session_not_packable` */
async function* partOf(
  dir: string,
  { path, bytes, place = join(dir, path) }: SessionPart,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
  onEnd: (sha256: string) => void,
): AsyncGenerator<Uint8Array> {
  const changed = () => sessionNotPackable(dir, path, "changed while it was packed");
  const hash = createHash("sha256");
  let done = 0;
  const file = await open(place, constants.O_RDONLY | constants.O_NOFOLLOW).catch(() => {
    throw changed();
  });
  try {
    for (;;) {
      signal.throwIfAborted();
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(BLOCK_BYTES), 0, BLOCK_BYTES);
      if (bytesRead === 0) break;
      done += bytesRead;
      if (done > bytes) throw changed();
      const block = buffer.subarray(0, bytesRead);
      hash.update(block);
      yield block;
      onBytes(bytesRead);
    }
  } finally {
    await file.close();
  }
  if (done < bytes) throw changed();
  onEnd(hash.digest("hex"));
}

/** Reads the zip as the other machine will. @throws RagError `pack_not_verified` */
async function readBack(
  aside: string,
  target: string,
  manifest: string,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const pack = await openPack(aside);
  try {
    const listing = await listPack(pack, signal);
    if (listing.text !== manifest) throw new Error("its manifest differs");
    await readPack(pack, listing, signal, async (_, blocks) => {
      const hash = createHash("sha256");
      for await (const block of blocks) {
        hash.update(block);
        onBytes(block.byteLength);
      }
      return hash.digest("hex");
    });
  } catch (error) {
    signal.throwIfAborted();
    throw sessionPackNotVerified(target, (error as Error).message, error);
  } finally {
    await pack.close();
  }
}
