import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { folderTaken, quoteList } from "../core/errors.js";
import { DATASET_METADATA, type DatasetName, parseDatasetMetadata } from "../schema/dataset-metadata.js";
import { KIT_FILE, type Kit, parseKit } from "../schema/kit-file.js";
import { removeLeftovers, syncFolder, writeAtomic } from "../store/atomic.js";

export const SUMS = "SHA256SUMS";
/** Stands in a folder while a kit is written to it, and names what may be there: such a folder is no kit. */
export const UNFINISHED = `${KIT_FILE}.unfinished`;
/** Files aside, as a packing that is killed leaves them. */
const ASIDE = /^\..*\.\d+\.\d+\.tmp$/s;

/** What stands in a folder that a kit is to be written to. */
export interface EarlierKit {
  /** Names of the files that packings put there. */
  readonly names: readonly string[];
  readonly kit: Kit | null;
  readonly metadata: (DatasetName & Readonly<Record<string, unknown>>) | null;
}

/** Sums by file name, as `sha256sum` writes them. */
export function parseSums(text: string): Map<string, string> {
  const lines = [...text.matchAll(/^([0-9a-f]{64}) [ *](.+)$/gm)];
  return new Map(lines.map(([, sha256, name]) => [name as string, sha256 as string]));
}

/**
 * Looks at the folder that a kit is to be written to. Nothing is written.
 *
 * @throws RagError `folder_taken` where it is neither empty nor an earlier kit
 */
export async function lookAtKitFolder(dir: string): Promise<EarlierKit> {
  const refuse = (why: string) =>
    folderTaken(dir, why, "Name a new folder, an empty one, or one that kaggle pack wrote before");
  const all: string[] = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw refuse(error.code === "ENOTDIR" ? "it is no folder" : error.message);
  });
  const there = all.filter((name) => !ASIDE.test(name));
  if (there.length === 0) return { names: [], kit: null, metadata: null };
  if (!there.includes(KIT_FILE) && !there.includes(UNFINISHED))
    throw refuse(`it holds ${quoteList(there, 5)} and is no kit`);
  const read = (name: string) => readFile(join(dir, name), "utf8").catch(() => "");
  const names = new Set([...parseSums(await read(SUMS)).keys(), ...(await read(UNFINISHED)).split("\n")]);
  const ours = new Set([...names, KIT_FILE, UNFINISHED, SUMS, DATASET_METADATA]);
  const strange = there.filter((name) => !ours.has(name));
  if (strange.length > 0) throw refuse(`beside a kit it holds ${quoteList(strange, 5)}, which would be uploaded too`);
  const parsed = parseKit(await read(KIT_FILE));
  return {
    names: there.filter((name) => names.has(name) && name !== UNFINISHED),
    kit: parsed.ok ? parsed.kit : null,
    metadata: parseDatasetMetadata(await read(DATASET_METADATA)),
  };
}

/** Makes the folder where there is none, and writes down what is about to be put there. */
export async function beginKit(dir: string, names: readonly string[]): Promise<void> {
  await mkdir(dirname(dir), { recursive: true });
  await mkdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
  await removeLeftovers(dir);
  await writeAtomic(join(dir, UNFINISHED), `${names.join("\n")}\n`);
}

/** Removes what no longer belongs to the kit, and the mark that it is unfinished. */
export async function finishKit(dir: string, stale: readonly string[]): Promise<void> {
  for (const name of stale) await rm(join(dir, name), { force: true });
  await rm(join(dir, UNFINISHED), { force: true });
  await syncFolder(dir);
}
