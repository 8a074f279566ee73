import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { folderTaken, quoteList } from "../core/errors.js";
import { DATASET_METADATA, type DatasetName, parseDatasetMetadata } from "../schema/dataset-metadata.js";
import { formatModelsLock, type ModelsLock } from "../schema/models-lock.js";
import { ASIDE, removeLeftovers, syncFolder, writeAtomic } from "../store/atomic.js";
import { ROOT_LOCK, readLock } from "./lock-file.js";
import { namesOfLock, PACK_SUMS, packTexts } from "./pack-plan.js";

/**
 * The lock file of a pack in the making. It names what a packing that was killed may
 * have left, so that the folder is known for a pack before it has its own lock file.
 */
export const UNFINISHED_LOCK = "models.lock.json.unfinished";

/** What stands in a folder that a pack is to be written to. */
export interface EarlierPack {
  /** Names of models' files that an earlier pack put there, whole or not. */
  readonly files: readonly string[];
  /** What its metadata file holds, where that can be used. */
  readonly metadata: (DatasetName & Readonly<Record<string, unknown>>) | null;
}

/**
 * Looks at the folder that a pack is to be written to. Nothing is written.
 *
 * @throws RagError `folder_taken` where it is neither empty nor an earlier pack, `bad_models_lock`
 */
export async function lookAtTarget(dir: string): Promise<EarlierPack> {
  const refuse = (why: string) =>
    folderTaken(dir, why, "Name a new folder, an empty one, or one that packCache wrote before");
  const all: string[] = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw refuse(error.code === "ENOTDIR" ? "it is no folder" : error.message);
  });
  // Files aside are what a packing leaves that is killed in its first moment.
  const names = all.filter((name) => !ASIDE.test(name));
  if (names.length === 0) return { files: [], metadata: null };
  const finished = names.includes(PACK_SUMS) ? await readLock(join(dir, ROOT_LOCK)) : null;
  const begun = await readLock(join(dir, UNFINISHED_LOCK));
  if (!finished && !begun) throw refuse(`it holds ${quoteList(names, 5)} and is no pack`);
  const files = [...new Set([finished, begun].flatMap((file) => (file ? namesOfLock(file.lock) : [])))];
  const ours = new Set([...files, ...packTexts, UNFINISHED_LOCK]);
  const strange = names.filter((name) => !ours.has(name));
  if (strange.length > 0) throw refuse(`beside a pack it holds ${quoteList(strange, 5)}, which would be uploaded too`);
  const text = await readFile(join(dir, DATASET_METADATA), "utf8").catch(() => "");
  return { files, metadata: parseDatasetMetadata(text) };
}

/** Makes the folder where there is none, and writes down what is about to be put there. */
export async function beginPack(dir: string, lock: ModelsLock): Promise<void> {
  // By a call of its own: made recursively, a folder on a read-only disk is reported as missing.
  await mkdir(dirname(dir), { recursive: true });
  await mkdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
  await syncFolder(dirname(dir));
  await removeLeftovers(dir);
  const begun = (await readLock(join(dir, UNFINISHED_LOCK)))?.lock.models ?? {};
  const models: Record<string, ModelsLock["models"][string]> = { ...begun };
  for (const [hubId, model] of Object.entries(lock.models)) {
    const files = { ...(Object.hasOwn(begun, hubId) ? begun[hubId]?.files : {}), ...model.files };
    models[hubId] = { ...model, files };
  }
  await writeAtomic(join(dir, UNFINISHED_LOCK), formatModelsLock({ models }));
}

/** Ends a pack: its lock file is what says that it is whole. */
export async function finishPack(dir: string, lock: string): Promise<void> {
  await writeAtomic(join(dir, ROOT_LOCK), lock);
  await rm(join(dir, UNFINISHED_LOCK), { force: true });
  await syncFolder(dir);
}
