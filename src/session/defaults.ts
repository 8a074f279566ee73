import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { defaultThreads } from "../runtime/threads.js";
import type { Settings } from "../schema/settings-types.js";
import { KAGGLE_WORKING } from "../store/layout.js";

/** Defaults that depend on the machine stand here; all others too, so that one place answers. */
export async function defaults(env: NodeJS.ProcessEnv, root: string): Promise<Settings> {
  const cacheDir = hubCache(env);
  const onKaggle = existsSync(KAGGLE_WORKING);
  return {
    dense: ["bge-small-en-v1.5"],
    denseWeights: {},
    denseFusion: "auto",
    dim: null,
    enableSparse: true,
    sparse: ["splade-pp-en-v1"],
    enableRerank: true,
    rerank: "ms-marco-minilm-l-6-v2",
    rerankCandidates: 100,
    rerankTopK: 20,
    rerankBatchCap: null,
    dtype: "auto",
    device: "auto",
    gpus: null,
    simulation: "t4x2",
    memoryCapBytes: 12e9,
    deterministic: false,
    leaseWaitSeconds: 600,
    batchTimeoutSeconds: 600,
    loadTimeoutSeconds: 600,
    failedRows: "error",
    threads: defaultThreads(),
    tokenBudget: null,
    modelDirs: [cacheDir, ...(await attachedDatasets())],
    cacheDir,
    modelLock: join(root, "models.lock.json"),
    vectorCache: join(root, "vectors.sqlite"),
    vectorCacheBytes: 4 * 2 ** 30,
    vectorCacheDays: null,
    hubEndpoint: "https://huggingface.co",
    offline: false,
    // As others report it for machines without an accelerator and with GPUs; with a TPU it is 9.
    sessionHours: onKaggle ? 12 : null,
    sessionStart: null,
    endMarginMinutes: 10,
    gpuQuotaHours: onKaggle ? 30 : null,
    diskQuotaBytes: onKaggle ? 20e9 : null,
  };
}

/** Where Python's hub client keeps its cache. */
function hubCache(env: NodeJS.ProcessEnv): string {
  return env["HF_HUB_CACHE"] ?? join(env["HF_HOME"] ?? join(homedir(), ".cache", "huggingface"), "hub");
}

/** Kaggle's attached datasets, in order. */
async function attachedDatasets(): Promise<string[]> {
  const datasets = await readdir("/kaggle/input").catch(() => []);
  return datasets.sort().map((dataset) => join("/kaggle/input", dataset));
}
