import { hubFilesMissing } from "../core/errors.js";
import type { PlannedFile, PlannedModel } from "../schema/cache-types.js";
import type { HubFile } from "../schema/hub-api.js";
import type { LocatedModel, ModelCard } from "../schema/model-types.js";
import { optionalFiles, requiredFiles, weightFiles } from "./files.js";
import type { HubAccess } from "./hub/access.js";
import { lookUpRepository } from "./hub/api.js";
import { bytesAt, hubLayout } from "./hub/layout.js";
import type { Retries } from "./hub/retry.js";
import type { MissingFiles, Places } from "./locate.js";
import { lockedModel, readLock } from "./lock-file.js";

/** A model that is to be fetched: which files, at which commit. */
export interface Fetch {
  readonly card: ModelCard;
  readonly dtype: string;
  readonly revision: string;
  readonly files: readonly HubFile[];
  /** Where the commit is the head of `main` as the hub just said. */
  readonly isMain: boolean;
}

/**
 * Asks the hub which files of a model there are, at the commit that the row or the
 * lock file names, else at the head of `main`.
 *
 * @throws RagError `hub_not_found`, and those of the hub
 */
export async function planFetch(
  hub: HubAccess,
  { lockPath }: Places,
  { card, dtype }: MissingFiles,
  retries: Retries,
  signal: AbortSignal,
): Promise<Fetch> {
  const lock = lockPath === null ? null : await readLock(lockPath);
  const pinned = card.revision ?? lockedModel(lock, card)?.revision ?? null;
  const { revision, files } = await lookUpRepository(hub, card.hubId, pinned, retries, signal);
  const { onnx, externalData } = weightFiles(card, dtype);
  const needed = [...requiredFiles, onnx, ...externalData];
  const there = new Map(files.map((file) => [file.path, file]));
  const absent = needed.filter((path) => !there.has(path));
  if (absent.length > 0) throw hubFilesMissing(card.key, card.hubId, revision, absent);
  const wanted = [...needed, ...optionalFiles].flatMap((path) => there.get(path) ?? []);
  return { card, dtype, revision, files: wanted, isMain: pinned === null };
}

/** A model that is there, as a plan shows it. */
export function plannedOnDisk({ card, revision, root, files, dtype }: LocatedModel): PlannedModel {
  const shown = files.map(({ path, bytes }) => ({ path, bytes, onDisk: bytes, problem: "" }));
  return plannedModel(card, dtype, "on disk", revision, root, shown);
}

/** A model that would be fetched, with what an interrupted download has left of it. */
export async function plannedFetch(cacheDir: string, fetch: Fetch): Promise<PlannedModel> {
  const { card, dtype, revision } = fetch;
  const layout = hubLayout(cacheDir, card.hubId);
  const files: PlannedFile[] = [];
  for (const file of fetch.files) {
    const onDisk = await bytesOnDisk(cacheDir, card.hubId, file);
    files.push({ path: file.path, bytes: file.bytes, onDisk, problem: "" });
  }
  return plannedModel(card, dtype, "to fetch", revision, layout.snapshot(revision), files);
}

/** Bytes of a file that a cache has already: as far as it can be said without reading them. */
export async function bytesOnDisk(cacheDir: string, hubId: string, file: HubFile): Promise<number> {
  const layout = hubLayout(cacheDir, hubId);
  const most = Math.max(await bytesAt(layout.blob(file)), await bytesAt(layout.partial(file)));
  return Math.min(most, file.bytes);
}

/** A model that is neither there nor to be had now, with sizes where they are known. */
export function plannedMissing({ card, dtype, folder, missing }: MissingFiles): PlannedModel {
  const files = missing.map(({ path, bytes, problem }) => ({ path, bytes, onDisk: 0, problem }));
  return plannedModel(card, dtype, "missing", null, folder, files);
}

function plannedModel(
  { key, role, hubId, licence, commercialUse }: ModelCard,
  dtype: string,
  state: PlannedModel["state"],
  revision: string | null,
  root: string | null,
  files: readonly PlannedFile[],
): PlannedModel {
  const bytes = files.reduce((sum, file) => sum + (file.bytes ?? 0), 0);
  const toFetch = state === "on disk" ? 0 : files.reduce((sum, file) => sum + (file.bytes ?? 0) - file.onDisk, 0);
  return { key, role, hubId, dtype, licence, commercialUse, state, revision, root, files, bytes, toFetch };
}
