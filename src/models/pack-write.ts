import { rm } from "node:fs/promises";
import { join } from "node:path";
import { packWriteFailed, RagError } from "../core/errors.js";
import { sha256 } from "../core/hash.js";
import { DATASET_METADATA, type DatasetName } from "../schema/dataset-metadata.js";
import { formatModelsLock } from "../schema/models-lock.js";
import type { Stoppable } from "../stage/stop.js";
import { writeAtomic } from "../store/atomic.js";
import { ROOT_LOCK } from "./lock-file.js";
import { copyFile, filesToCopy } from "./pack-copy.js";
import { beginPack, finishPack, lookAtTarget } from "./pack-folder.js";
import { PACK_README, PACK_SUMS, type PackPlan } from "./pack-plan.js";
import { metadataText, readmeText, sumsText, usualName } from "./pack-texts.js";

/**
 * Writes all of a pack, its lock file last: models' files first, then what is no
 * longer in it goes, then lists and texts.
 *
 * @param asked what the operator calls the dataset, where that was said
 * @returns how many files there are, and their bytes
 * @throws RagError `folder_taken`, `model_cache_full`, `pack_write_failed`, `model_file_bad`, `bad_models_lock`
 */
export async function writePack(
  folder: string,
  plan: PackPlan,
  asked: Partial<DatasetName>,
  { signal, progress }: Stoppable,
): Promise<{ files: number; bytes: number }> {
  const earlier = await lookAtTarget(folder);
  const total = plan.files.reduce((sum, { bytes }) => sum + bytes, 0);
  const line = progress({ label: "prime · pack", total: total / 1e6, unit: "MB" });
  let done = 0;
  const tell = (words: string) => (bytes: number) => {
    done += bytes;
    line.update(done / 1e6, words);
  };
  try {
    const copies = await filesToCopy(folder, plan.files, signal, tell("already there"));
    await beginPack(folder, plan.lock);
    for (const file of copies) await copyFile(folder, file, signal, tell(file.what));
    const kept = new Set(plan.files.map(({ name }) => name));
    for (const name of earlier.files) if (!kept.has(name)) await rm(join(folder, name), { force: true });
    const texts = await writeTexts(folder, plan, asked, earlier.metadata);
    line.finish();
    return { files: plan.files.length + texts.files, bytes: total + texts.bytes };
  } catch (error) {
    line.fail(error instanceof Error ? error.message : String(error));
    const ours = error instanceof RagError && error.code !== "store_write_failed";
    throw ours || signal.aborted ? error : packWriteFailed(folder, error);
  }
}

async function writeTexts(
  folder: string,
  plan: PackPlan,
  asked: Partial<DatasetName>,
  earlier: (DatasetName & Readonly<Record<string, unknown>>) | null,
): Promise<{ files: number; bytes: number }> {
  const name: DatasetName = {
    title: asked.title ?? earlier?.title ?? usualName.title,
    id: asked.id ?? earlier?.id ?? usualName.id,
  };
  const lock = formatModelsLock(plan.lock);
  const readme = readmeText(plan, name);
  const sums = new Map(plan.files.map((file) => [file.name, file.sha256]));
  const texts = {
    [PACK_README]: readme,
    [DATASET_METADATA]: metadataText(plan, name, earlier ?? {}),
    [PACK_SUMS]: sumsText(sums.set(PACK_README, sha256(readme)).set(ROOT_LOCK, sha256(lock))),
  };
  for (const [file, text] of Object.entries(texts)) await writeAtomic(join(folder, file), text);
  await finishPack(folder, lock);
  const all = [...Object.values(texts), lock];
  return { files: all.length, bytes: all.reduce((sum, text) => sum + Buffer.byteLength(text), 0) };
}
