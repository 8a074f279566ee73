import { modelCacheFull, RagError } from "../core/errors.js";
import type { PrimeFetch } from "../schema/cache-types.js";
import type { Stoppable } from "../stage/stop.js";
import { shortageOf } from "../store/disk.js";
import type { HubAccess } from "./hub/access.js";
import type { Wanted } from "./hub/download.js";
import { fillCache } from "./hub/fill.js";
import { hubLayout, writeMainRef } from "./hub/layout.js";
import type { Retries } from "./hub/retry.js";
import { type MissingFiles, missingFilesError, type Places } from "./locate.js";
import { bytesOnDisk, type Fetch, planFetch } from "./plan.js";
import type { ModelShelf } from "./shelf.js";

/** What the hub can say that leaves a model where it was: missing. */
const NOT_TO_BE_HAD = ["hub_unreachable", "hub_not_found", "hub_denied"];

/**
 * Asks the hub about every model that is missing.
 *
 * @throws RagError `model_files_missing` with the hub's reason where any of them can't be had, and those of the hub
 */
export async function planFetches(
  hub: HubAccess,
  places: Places,
  lacking: readonly MissingFiles[],
  retries: Retries,
  signal: AbortSignal,
): Promise<Fetch[]> {
  const fetches: Fetch[] = [];
  for (const missing of lacking) {
    try {
      fetches.push(await planFetch(hub, places, missing, retries, signal));
    } catch (error) {
      if (error instanceof RagError && NOT_TO_BE_HAD.includes(error.code))
        throw missingFilesError(lacking, error.message);
      throw error;
    }
  }
  return fetches;
}

/**
 * Fetches what is missing of all models: asks the hub for files and sizes, checks
 * that the disk has room, then fetches.
 *
 * @throws RagError `model_cache_full`, those of {@link planFetches} and of `fillCache`
 */
export async function fetchMissing(
  { hub }: ModelShelf,
  cacheDir: string,
  places: Places,
  lacking: readonly MissingFiles[],
  { signal, progress }: Stoppable,
): Promise<PrimeFetch> {
  const began = performance.now();
  const retries: Retries = { count: 0 };
  const fetches = await planFetches(hub, places, lacking, retries, signal);
  const wanted = filesOf(fetches);
  const bytes = sum(wanted.map(({ file }) => file.bytes));
  const toFetch = bytes - sum(await Promise.all(wanted.map(({ hubId, file }) => bytesOnDisk(cacheDir, hubId, file))));
  const short = await shortageOf(cacheDir, toFetch);
  if (short) throw modelCacheFull(cacheDir, short.needed, short.free);

  const line = progress({ label: "prime · fetch", total: bytes / 1e6, unit: "MB", before: (bytes - toFetch) / 1e6 });
  try {
    const update = (onDisk: number, detail: string) => line.update(onDisk / 1e6, detail);
    const filled = await fillCache(hub, cacheDir, wanted, { update }, signal);
    for (const { card, revision, isMain } of fetches)
      if (isMain) await writeMainRef(hubLayout(cacheDir, card.hubId), revision);
    line.finish();
    return {
      models: fetches.map(({ card }) => card.key),
      files: filled.files.length,
      bytes: filled.fetchedBytes,
      resumedBytes: filled.resumedBytes,
      seconds: (performance.now() - began) / 1000,
      retries: retries.count + filled.retries,
    };
  } catch (error) {
    line.fail(error instanceof Error ? error.message : String(error));
    throw error;
  }
}

/** Each file once: two rows may name one repository. */
function filesOf(fetches: readonly Fetch[]): Wanted[] {
  const wanted = new Map<string, Wanted>();
  for (const { card, revision, files } of fetches)
    for (const file of files)
      wanted.set([card.hubId, revision, file.path].join("\n"), { hubId: card.hubId, revision, file });
  return [...wanted.values()];
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
