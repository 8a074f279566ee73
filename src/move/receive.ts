import { readdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import {
  folderTaken,
  quote,
  quoteList,
  RagError,
  sessionBeingUnpacked,
  sessionPackMissing,
  sessionTaken,
  sessionUnpackFailed,
  unpackingStopped,
} from "../core/errors.js";
import type { SessionFile } from "../schema/session-file.js";
import { type Stoppable, withStop } from "../stage/stop.js";
import { makeFolders, syncFolder, writeAtomic } from "../store/atomic.js";
import { requireSpace } from "../store/disk.js";
import { type FolderAside, openFolderAside } from "../store/folder-aside.js";
import { layoutOf } from "../store/layout.js";
import { takeLock } from "../store/lock.js";
import type { DiskQuota } from "../store/quota.js";
import { readSessionFile, writeSessionFile } from "../store/session-file.js";
import { listPack, type PackListing } from "./list.js";
import { type OpenedPack, openPack } from "./open.js";
import { readPack } from "./read.js";

/**
 * Makes the session of a pack stand in the sessions' folder: checked, unpacked aside,
 * checked again byte by byte, synced, renamed. A session that came from this very pack
 * is left as it is now. Before, and after a failure or a kill, there is no session.
 *
 * @param from the zip, or a folder with what was in it
 * @param root the sessions' folder
 * @param asked the session's name here; null for the one it had
 * @param quota of what lies in a folder, where there is one
 * @returns the session's name here
 * @throws RagError `session_pack_missing`, `bad_session_pack`, `session_taken`, `folder_taken`, `disk_too_small`,
 *   `pack_write_failed`, `session_in_use`, `stopped`
 */
export async function receiveSession(
  from: string,
  root: string,
  asked: string | null,
  quota: DiskQuota | null,
): Promise<string> {
  const path = resolve(from);
  return withStop(`while ${path} was unpacked`, async (tools) => {
    try {
      const opened = await openPack(path).catch(async (error) => {
        const there = asked === null ? null : await readSessionFile(layoutOf(join(root, asked)));
        if (there && error instanceof RagError && error.code === "session_pack_missing")
          throw sessionPackMissing(path, error.cause, join(root, asked as string));
        throw error;
      });
      try {
        const listing = await listPack(opened, tools.signal);
        const name = asked ?? listing.pack.session;
        if (!(await isThere(root, name, path, listing))) await unpack(opened, listing, root, name, quota, tools);
        return name;
      } finally {
        await opened.close();
      }
    } catch (error) {
      if (tools.signal.aborted) throw unpackingStopped(path);
      throw error;
    }
  });
}

/**
 * Whether the session is there, and came from this very pack.
 *
 * @throws RagError `session_taken` where it came from elsewhere, `folder_taken` where it is none
 */
async function isThere(root: string, name: string, from: string, { pack, sha256 }: PackListing): Promise<boolean> {
  const layout = layoutOf(join(root, name));
  const names: string[] = await readdir(layout.dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw folderTaken(layout.dir, error.message, "Open the session under another name");
  });
  if (names.length === 0) return false;
  const there = await readSessionFile(layout);
  if (there === null && !names.includes("session.json"))
    throw folderTaken(
      layout.dir,
      `it holds ${quoteList(names, 5)} and no session`,
      "Open the session under another name, or remove the folder",
    );
  if (there?.origin?.pack === sha256) return true;
  throw sessionTaken(
    name,
    layout.dir,
    storyOf(there),
    from,
    storyOf({ name: pack.session, origin: null }, pack.packedAt),
  );
}

/** Where a session comes from, in words. */
function storyOf(session: SessionFile | null, packedAt: string | null = null): string {
  if (session === null) return "a session that this version can't read";
  const { name, origin } = session;
  if (packedAt !== null) return `session ${quote(name)}, packed at ${packedAt}`;
  return origin === null
    ? `session ${quote(name)}, begun there`
    : `session ${quote(name)}, from the pack of session ${quote(origin.session)} of ${quote(origin.packedAt)}`;
}

async function unpack(
  opened: OpenedPack,
  listing: PackListing,
  root: string,
  name: string,
  quota: DiskQuota | null,
  tools: Stoppable,
): Promise<void> {
  const dir = join(root, name);
  const failed = (cause: unknown) => sessionUnpackFailed(dir, cause);
  await makeFolders(root).catch((cause) => {
    throw failed(cause);
  });
  const lockFile = join(root, `.${name}.unpacking.lock`);
  const lock = await takeLock(lockFile, "the lock of a session that is unpacked", (owner) =>
    sessionBeingUnpacked(name, lockFile, owner),
  );
  try {
    await requireSpace(root, listing.bytes, `Session ${name}`, "open it with a dir on another disk", quota);
    const aside = await openFolderAside(dir, failed);
    try {
      await fill(aside, opened, listing, name, tools);
      await aside.commit();
    } catch (error) {
      await aside.abort();
      throw error instanceof RagError && error.code === "store_write_failed" ? failed(error) : error;
    }
  } finally {
    lock.release();
  }
}

/** Writes every file into the folder aside, each synced, and makes it the session of this pack. */
async function fill(
  aside: FolderAside,
  opened: OpenedPack,
  listing: PackListing,
  name: string,
  { signal, progress }: Stoppable,
): Promise<void> {
  const line = progress({ label: "unpack", total: listing.bytes / 1e6, unit: "MB" });
  const folders = new Set([aside.dir]);
  let done = 0;
  try {
    await readPack(opened, listing, signal, async (path, blocks) => {
      const place = join(aside.dir, path);
      for (let above = dirname(place); above !== aside.dir; above = dirname(above)) folders.add(above);
      const { bytes, sha256 } = await writeAtomic(place, blocks, path);
      done += bytes;
      line.update(done / 1e6, path);
      return sha256;
    });
    const { session, packedAt } = listing.pack;
    await writeSessionFile(layoutOf(aside.dir), { name, origin: { pack: listing.sha256, session, packedAt } });
    // The files were synced in their folders; these were made on the way.
    for (const folder of folders) await syncFolder(folder);
    line.finish();
  } catch (error) {
    line.fail(error instanceof Error ? error.message : String(error));
    throw error;
  }
}
