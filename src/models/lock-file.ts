import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { badModelsLock } from "../core/errors.js";
import type { ModelCard } from "../schema/model-types.js";
import {
  formatModelsLock,
  type LockedFile,
  type LockedModel,
  type ModelsLock,
  parseModelsLock,
} from "../schema/models-lock.js";
import { writeAtomic } from "../store/atomic.js";

/** Name of the lock file that a folder of models can carry with it. */
export const ROOT_LOCK = "models.lock.json";

/** A lock file, and where it is. */
export interface LockFile {
  readonly path: string;
  readonly lock: ModelsLock;
}

/** Reads a lock file; null where there is none. @throws RagError `bad_models_lock` */
export async function readLock(path: string): Promise<LockFile | null> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return null;
    throw badModelsLock(path, error.message);
  });
  if (text === null) return null;
  const parsed = parseModelsLock(text);
  if (!parsed.ok) throw badModelsLock(path, parsed.problem);
  return { path, lock: parsed.lock };
}

/** The lock file that a folder of models carries. @throws RagError `bad_models_lock` */
export function readRootLock(root: string): Promise<LockFile | null> {
  return readLock(join(root, ROOT_LOCK));
}

/** What a lock says of a row's repository; nothing where the row is pinned to another commit. */
export function lockedModel(file: LockFile | null, card: ModelCard): LockedModel | null {
  const models = file?.lock.models ?? {};
  const model = Object.hasOwn(models, card.hubId) ? (models[card.hubId] as LockedModel) : null;
  const other = card.revision !== null && model?.revision !== null && model?.revision !== card.revision;
  return other ? null : model;
}

/** What a lock says of one file of it. */
export function lockedFile(model: LockedModel | null, path: string): LockedFile | null {
  return model !== null && Object.hasOwn(model.files, path) ? (model.files[path] as LockedFile) : null;
}

/**
 * Adds what was fetched or found to a lock file. What stands there of the same
 * commit is kept; of another commit it is replaced.
 *
 * @returns whether anything was written: an unchanged file is left alone, so a read-only one serves
 * @throws RagError `bad_models_lock`, `store_write_failed`
 */
export async function extendLock(path: string, found: Readonly<Record<string, LockedModel>>): Promise<boolean> {
  const before = (await readLock(path))?.lock ?? { models: {} };
  const models: Record<string, LockedModel> = { ...before.models };
  for (const [hubId, model] of Object.entries(found)) {
    const known = Object.hasOwn(models, hubId) ? models[hubId] : undefined;
    const same = known !== undefined && known.revision === model.revision;
    models[hubId] = { ...model, files: { ...(same ? known.files : {}), ...model.files } };
  }
  const text = formatModelsLock({ models });
  if (text === formatModelsLock(before)) return false;
  await writeAtomic(path, text, "the lock file of the models");
  return true;
}
