import { contentOf } from "../../archive/content.js";
import type { Archive, ArchiveEntry, Refuse } from "../../archive/entry.js";
import { badArchive, packDiskFull } from "../../core/errors.js";
import { flatName } from "../../core/flat-name.js";
import { type LockedFile, type ModelsLock, parseModelsLock } from "../../schema/models-lock.js";
import { spareBytes } from "../../store/disk.js";
import { ROOT_LOCK } from "../lock-file.js";
import { packTexts } from "../pack-plan.js";
import { entryRules } from "./rules.js";

/** A lock file of a thousand models has less. */
const MOST_TEXT = 1 << 20;

/** What an archive says that it holds, all of it checked. */
export interface Listing {
  readonly lock: ModelsLock;
  /** Bytes of every file, by its name in the pack. */
  readonly sizes: ReadonlyMap<string, number>;
  /** What the lock file says of the models' files, by their names in the pack. */
  readonly locked: ReadonlyMap<string, LockedFile>;
  readonly bytes: number;
}

/**
 * Goes through an archive before anything of it is written.
 *
 * @param dir where it is to be unpacked, for the message
 * @param free bytes that are free there, or null where that is not known
 * @throws RagError `bad_archive`, `model_cache_full`; faults of the archive as plain errors
 */
export async function listArchive(
  archive: Archive,
  dir: string,
  free: number | null,
  signal: AbortSignal,
): Promise<Listing> {
  const refuse: Refuse = (entry, problem, cause) => badArchive(archive.path, entry, problem, cause);
  const rules = entryRules(refuse);
  const sizes = new Map<string, number>();
  let text: string | null = null;
  let bytes = 0;
  for await (const entry of archive.entries(signal)) {
    signal.throwIfAborted();
    const name = rules(entry);
    if (name === null) continue;
    if (packTexts.includes(name) && entry.bytes > MOST_TEXT)
      throw refuse(entry.name, `has ${entry.bytes} bytes; of such a file at most ${MOST_TEXT} are read`);
    bytes += entry.bytes;
    // Also what ends the reading of an archive that unpacks without end.
    const needed = bytes + spareBytes(bytes);
    if (free !== null && needed > free) throw packDiskFull(dir, needed, free);
    sizes.set(name, entry.bytes);
    if (name === ROOT_LOCK) text = await readText(entry, refuse);
  }
  if (text === null) throw refuse(null, `it holds no ${ROOT_LOCK}, so nothing says which bytes are the right ones`);
  const parsed = parseModelsLock(text);
  if (!parsed.ok) throw refuse(ROOT_LOCK, `can't be used: ${parsed.problem}`);
  const locked = lockedNames(parsed.lock, (name) => refuse(ROOT_LOCK, `has two files that would be ${name}`));
  for (const [name, { bytes: wanted }] of locked) {
    const size = sizes.get(name);
    if (size === undefined) throw refuse(null, `it lacks ${name}, which its ${ROOT_LOCK} has`);
    if (size !== wanted) throw refuse(name, `declares ${size} bytes, ${ROOT_LOCK} says ${wanted}`);
  }
  const strange = [...sizes.keys()].find((name) => !locked.has(name) && !packTexts.includes(name));
  if (strange !== undefined) throw refuse(strange, `is not in ${ROOT_LOCK}`);
  return { lock: parsed.lock, sizes, locked, bytes };
}

async function readText(entry: ArchiveEntry, refuse: Refuse): Promise<string> {
  const blocks: Uint8Array[] = [];
  for await (const block of contentOf(entry, refuse)) blocks.push(block);
  return Buffer.concat(blocks).toString("utf8");
}

function lockedNames({ models }: ModelsLock, clash: (name: string) => Error): Map<string, LockedFile> {
  const names = new Map<string, LockedFile>();
  for (const [hubId, { files }] of Object.entries(models)) {
    for (const [path, file] of Object.entries(files)) {
      const name = flatName(hubId, path);
      if (names.has(name)) throw clash(name);
      names.set(name, file);
    }
  }
  return names;
}
