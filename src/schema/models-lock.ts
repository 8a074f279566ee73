import { z } from "zod";
import { parseLabelled } from "./labelled-json.js";
import { filePathPattern, hubIdPattern, revisionPattern } from "./model-card.js";

/** The first key of every lock file. */
export const MODELS_LOCK_SCHEMA = "rag-cells/models-lock@1";

/** One file of a model, as it was when it was fetched or first seen. */
export interface LockedFile {
  readonly bytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

/** One repository of a lock file. */
export interface LockedModel {
  /** The hub's commit, or null for files that were found in a folder and came from no commit that is known. */
  readonly revision: string | null;
  readonly licence: string;
  /** By path from the model's folder, with `/`. */
  readonly files: Readonly<Record<string, LockedFile>>;
}

/** What an operator commits, or packs with the models: which bytes are the right ones, by hub id. */
export interface ModelsLock {
  readonly models: Readonly<Record<string, LockedModel>>;
}

const ModelsLockSchema = z.strictObject({
  schema: z.literal(MODELS_LOCK_SCHEMA),
  models: z.record(
    z.string().regex(hubIdPattern, 'must be "owner/name"'),
    z.strictObject({
      revision: z.string().regex(revisionPattern, "must be a full commit, 40 hex digits").nullable(),
      licence: z.string().max(100),
      files: z.record(
        z.string().regex(filePathPattern, "must be a relative path without .."),
        z.strictObject({
          bytes: z.int().min(0),
          sha256: z.string().regex(/^[0-9a-f]{64}$/, "must be 64 lower-case hex digits"),
        }),
      ),
    }),
  ),
});

/** The parsed file, or what is wrong with it. */
export type ModelsLockResult =
  | { readonly ok: true; readonly lock: ModelsLock }
  | { readonly ok: false; readonly problem: string };

/** Checks the text of a lock file. */
export function parseModelsLock(text: string): ModelsLockResult {
  const parsed = parseLabelled(text, MODELS_LOCK_SCHEMA, ModelsLockSchema);
  return parsed.ok ? { ok: true, lock: { models: parsed.value.models } } : parsed;
}

/** The text of a lock file: keys in order, so that a commit shows only what changed. */
export function formatModelsLock(lock: ModelsLock): string {
  const sorted = <T>(record: Readonly<Record<string, T>>) =>
    Object.entries(record).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const models = sorted(lock.models).map(([hubId, { revision, licence, files }]) => [
    hubId,
    {
      revision,
      licence,
      files: Object.fromEntries(sorted(files).map(([path, { bytes, sha256 }]) => [path, { bytes, sha256 }])),
    },
  ]);
  return `${JSON.stringify({ schema: MODELS_LOCK_SCHEMA, models: Object.fromEntries(models) }, null, 2)}\n`;
}
