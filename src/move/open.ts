import { readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Archive, Refuse } from "../archive/entry.js";
import { folderEntries } from "../archive/folder.js";
import { badSessionPack, sessionPackMissing } from "../core/errors.js";
import { SESSION_PACK_FILE } from "../schema/session-pack.js";

/** How far below the folder that was named its content may lie: an attached dataset has a folder or two around it. */
const DEEPEST = 2;
/** How the names of packs end where the operator gave none. */
export const PACK_ENDING = ".session.zip";

/** A pack that is open for reading, a zip or a folder with what was in it. */
export interface OpenedPack extends Archive {
  readonly refuse: Refuse;
  /** Bytes of the zip; null for a folder. */
  readonly size: number | null;
}

/**
 * Opens a pack: the zip, a folder with its unpacked content, or a folder that has
 * either in it or a little deeper.
 *
 * @throws RagError `session_pack_missing`, `bad_session_pack`
 */
export async function openPack(from: string): Promise<OpenedPack> {
  const path = await realpath(from).catch((cause) => {
    throw sessionPackMissing(from, cause);
  });
  const refuse: Refuse = (entry, problem, cause) => badSessionPack(path, entry, problem, cause);
  const info = await stat(path);
  if (!info.isDirectory()) {
    if (!info.isFile()) throw refuse(null, "it is no plain file");
    // Loaded when it is needed, as where models are unpacked.
    const { openArchive } = await import("../archive/open.js");
    return { ...(await openArchive(path, refuse)), refuse, size: info.size };
  }
  const found = await findPacks(path, DEEPEST).catch((cause) => {
    throw refuse(null, `it can't be read (${(cause as Error).message})`, cause);
  });
  const [only, ...more] = found;
  if (only === undefined)
    throw refuse(null, `there is neither a ${SESSION_PACK_FILE} nor a zip named *${PACK_ENDING} in it`);
  if (more.length > 0)
    throw refuse(null, `there are several in it (${found.slice(0, 5).join(", ")}): name one of them`);
  if (only.endsWith(PACK_ENDING)) return openPack(only);
  const dir = join(only, "..");
  const own: Refuse = (entry, problem, cause) => badSessionPack(dir, entry, problem, cause);
  return { path: dir, entries: () => folderEntries(dir), close: async () => {}, refuse: own, size: null };
}

/** Manifests and zips of packs, in the folder itself, else in those below it. */
async function findPacks(dir: string, deeper: number): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true });
  const manifest = entries.find((entry) => entry.name === SESSION_PACK_FILE && entry.isFile());
  if (manifest) return [join(dir, manifest.name)];
  const zips = entries.filter((entry) => entry.name.endsWith(PACK_ENDING) && entry.isFile());
  if (zips.length > 0 || deeper === 0) return zips.map(({ name }) => join(dir, name));
  const below: string[] = [];
  for (const entry of entries)
    if (entry.isDirectory()) below.push(...(await findPacks(join(dir, entry.name), deeper - 1)));
  return below;
}
