import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { contentOf } from "../archive/content.js";
import type { Archive, Refuse } from "../archive/entry.js";
import {
  badArchive,
  badOption,
  folderTaken,
  packWriteFailed,
  quoteList,
  RagError,
  unpackingStopped,
} from "../core/errors.js";
import type { CachePack, PackedModel } from "../schema/cache-types.js";
import type { ModelsLock } from "../schema/models-lock.js";
import { contextOf, type Session } from "../stage/context.js";
import { withCard } from "../stage/present.js";
import { type Stoppable, underStop } from "../stage/stop.js";
import { writeAtomic } from "../store/atomic.js";
import { freeBytes } from "../store/disk.js";
import { openFolderAside } from "../store/folder-aside.js";
import { type Listing, listArchive } from "./archive/listing.js";
import { entryRules } from "./archive/rules.js";
import { type ModelShelf, shelfOf } from "./shelf.js";

/**
 * Unpacks an archive of a folder that `packCache` wrote: zip, as Kaggle gives a
 * dataset, tar, or gzipped tar. It trusts nothing in it: plain files of known names
 * only, each with the size and sha256 that the archive's own lock file has, and none
 * beyond. The folder appears when all of it was checked; before, and after a failure,
 * there is none.
 *
 * @param archive a file; what kind it is, its content says
 * @param dir a new folder or an empty one, which then serves as one of `modelDirs`
 * @returns what the folder holds
 * @throws RagError `not_a_session`, `session_closed`, `bad_archive` (the entry and the rule), `folder_taken`, `model_cache_full`, `pack_write_failed`, `bad_option`, `stage_busy`, `stopped`
 */
export async function unpackCache(session: Session, archive: string, dir: string): Promise<CachePack> {
  const context = contextOf(session);
  const shelf = shelfOf(session);
  for (const [name, value] of Object.entries({ archive, dir }))
    if (typeof value !== "string" || value === "") throw badOption(name, value, "a path is needed");
  const [from, folder] = [resolve(archive), resolve(dir)];
  const { lock, sizes, bytes } = await underStop(context, "prime", async (tools) => {
    await checkEmpty(folder);
    // Loaded when it is needed: the readers of archives are a tenth of the package's import.
    const { openArchive } = await import("../archive/open.js");
    const opened = await openArchive(from, (entry, problem, cause) => badArchive(from, entry, problem, cause));
    try {
      return await unpack(opened, folder, tools);
    } catch (error) {
      if (tools.signal.aborted) throw unpackingStopped(from);
      if (error instanceof RagError) throw error;
      throw badArchive(from, null, `it is damaged (${(error as Error).message})`, error);
    } finally {
      await opened.close();
    }
  });
  const models = modelsOf(lock, shelf);
  return withCard({ kind: "cache_pack", dir: folder, archive: from, models, files: sizes.size, bytes });
}

async function unpack(archive: Archive, folder: string, { signal, progress }: Stoppable): Promise<Listing> {
  const listing = await listArchive(archive, folder, await freeBytes(folder), signal);
  const aside = await openFolderAside(folder, (cause) => packWriteFailed(folder, cause));
  const line = progress({ label: "prime · unpack", total: listing.bytes / 1e6, unit: "MB" });
  let done = 0;
  const tell = (name: string) => (bytes: number) => {
    done += bytes;
    line.update(done / 1e6, name);
  };
  try {
    await writeEntries(archive, listing, aside.dir, signal, tell);
    await aside.commit();
    line.finish();
    return listing;
  } catch (error) {
    line.fail(error instanceof Error ? error.message : String(error));
    await aside.abort();
    throw error instanceof RagError && error.code === "store_write_failed" ? packWriteFailed(folder, error) : error;
  }
}

/** Reads the archive a second time, and holds every entry against what the first time has shown. */
async function writeEntries(
  archive: Archive,
  { sizes, locked }: Listing,
  dir: string,
  signal: AbortSignal,
  tell: (name: string) => (bytes: number) => void,
): Promise<void> {
  const refuse: Refuse = (entry, problem, cause) => badArchive(archive.path, entry, problem, cause);
  const rules = entryRules(refuse);
  const missing = new Set(sizes.keys());
  for await (const entry of archive.entries(signal)) {
    const name = rules(entry);
    if (name === null) continue;
    if (sizes.get(name) !== entry.bytes) throw refuse(entry.name, "changed while the archive was read");
    const told = tell(name);
    const blocks = async function* () {
      for await (const block of contentOf(entry, refuse)) {
        signal.throwIfAborted();
        yield block;
        told(block.byteLength);
      }
    };
    const { sha256 } = await writeAtomic(join(dir, name), blocks(), name);
    const wanted = locked.get(name)?.sha256 ?? sha256;
    if (sha256 !== wanted)
      throw refuse(
        entry.name,
        `has sha256 ${sha256.slice(0, 12)}..., its lock file says ${wanted.slice(0, 12)}...: it was altered or damaged`,
      );
    missing.delete(name);
  }
  for (const name of missing) throw refuse(name, "went missing while the archive was read");
}

/** The models of a lock file, by the session's rows where these know the repository. */
function modelsOf({ models }: ModelsLock, shelf: ModelShelf): PackedModel[] {
  return Object.entries(models).map(([hubId, { licence }]) => {
    const card = rowOf(shelf, hubId);
    return { key: card?.key ?? hubId, hubId, licence, commercialUse: card?.commercialUse ?? null };
  });
}

function rowOf(shelf: ModelShelf, hubId: string) {
  try {
    const card = shelf.card(hubId);
    return card.hubId === hubId ? card : null;
  } catch (error) {
    if (error instanceof RagError && error.code === "unknown_model") return null;
    throw error;
  }
}

/** @throws RagError `folder_taken` where a folder is there and not empty */
async function checkEmpty(dir: string): Promise<void> {
  const way = "Name a new folder or an empty one";
  const names: string[] = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw folderTaken(dir, error.code === "ENOTDIR" ? "it is no folder" : error.message, way);
  });
  if (names.length > 0) throw folderTaken(dir, `it holds ${quoteList(names, 5)}, and is to be empty`, way);
}
