import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { badModelsLock, modelsLockInUse, RagError } from "../core/errors.js";
import type { ModelCard } from "../schema/model-types.js";
import {
  formatModelsLock,
  type LockedFile,
  type LockedModel,
  type ModelsLock,
  parseModelsLock,
} from "../schema/models-lock.js";
import { makeFolders, removeLeftovers, writeAtomic } from "../store/atomic.js";
import { type FileLock, takeLock } from "../store/lock.js";

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
 * Adds what was fetched or found to a lock file. What stands there of another commit
 * is replaced; files whose commit no one knows are added to what stands there.
 *
 * @param forget replace what stands there of these repositories in any case
 * @returns whether anything was written: an unchanged file is left alone, so a read-only one serves
 * @throws RagError `bad_models_lock`, `store_write_failed`, `models_lock_in_use`
 */
export async function extendLock(
  path: string,
  found: Readonly<Record<string, LockedModel>>,
  forget = false,
): Promise<boolean> {
  if (textWith(await readLock(path), found, forget) === null) return false;
  const held = await waitForLock(`${path}.lock`);
  try {
    await removeLeftovers(dirname(path), basename(path));
    // Another kernel may have written meanwhile.
    const text = textWith(await readLock(path), found, forget);
    if (text !== null) await writeAtomic(path, text, "the lock file of the models");
    return text !== null;
  } finally {
    held.release();
  }
}

/** The lock file's new text, or null where it stays as it is. */
function textWith(file: LockFile | null, found: Readonly<Record<string, LockedModel>>, forget: boolean): string | null {
  const before = file?.lock ?? { models: {} };
  const models: Record<string, LockedModel> = { ...before.models };
  for (const [hubId, model] of Object.entries(found)) {
    const known = Object.hasOwn(models, hubId) ? (models[hubId] as LockedModel) : null;
    const other = known?.revision && model.revision && known.revision !== model.revision;
    const kept = forget || other ? null : known;
    models[hubId] = {
      ...model,
      revision: model.revision ?? kept?.revision ?? null,
      files: { ...kept?.files, ...model.files },
    };
  }
  const text = formatModelsLock({ models });
  return text === formatModelsLock(before) ? null : text;
}

/** A lock file is written in moments: another kernel that holds it is waited for. */
async function waitForLock(path: string): Promise<FileLock> {
  for (let attempt = 0; ; attempt++) {
    try {
      await makeFolders(dirname(path)).catch(() => {});
      return await takeLock(path, "the lock of the models' lock file", (owner) => modelsLockInUse(path, owner));
    } catch (error) {
      if (!(error instanceof RagError && error.code === "models_lock_in_use") || attempt >= 50) throw error;
      await sleep(100);
    }
  }
}
