import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Settings } from "../schema/settings-types.js";
import { KAGGLE_WORKING } from "../store/layout.js";
import { type DiskQuota, diskQuota } from "../store/quota.js";

/** The folder that holds sessions, absolute: the one that is asked for, else the usual one. */
export function sessionsFolder(env: Readonly<Record<string, string | undefined>>, dir?: string): string {
  const usual = existsSync(KAGGLE_WORKING) ? join(KAGGLE_WORKING, "rag-cells") : "out";
  return resolve(dir ?? env["RAG_CELLS_DIR"] ?? usual);
}

/** What may be written: on Kaggle that is the notebook's output, elsewhere what is in the folder of sessions. */
export function quotaOf({ diskQuotaBytes }: Settings, root: string): DiskQuota | null {
  if (diskQuotaBytes === null) return null;
  return diskQuota(existsSync(KAGGLE_WORKING) ? KAGGLE_WORKING : root, diskQuotaBytes);
}
