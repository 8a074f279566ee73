/** Settings after defaults. */
export interface Settings {
  readonly dense: readonly string[];
  readonly denseWeights: Readonly<Record<string, number>>;
  readonly denseFusion: "auto" | "mean" | "concat";
  readonly dim: number | null;
  readonly enableSparse: boolean;
  readonly sparse: readonly string[];
  readonly enableRerank: boolean;
  readonly rerank: string;
  readonly rerankCandidates: number;
  readonly rerankTopK: number;
  readonly rerankBatchCap: number | null;
  readonly dtype: "auto" | "fp32" | "fp16" | "int8";
  readonly device: "auto" | "cpu" | "cuda" | "webgpu" | "simulated";
  readonly gpus: readonly number[] | null;
  readonly simulation: string;
  readonly memoryCapBytes: number;
  readonly deterministic: boolean;
  readonly leaseWaitSeconds: number;
  readonly batchTimeoutSeconds: number;
  readonly loadTimeoutSeconds: number;
  readonly failedRows: "error" | "cpu";
  readonly threads: number;
  readonly tokenBudget: number | null;
  readonly modelDirs: readonly string[];
  readonly cacheDir: string;
  readonly modelLock: string;
  readonly vectorCache: string | null;
  readonly vectorCacheBytes: number;
  readonly vectorCacheDays: number | null;
  readonly hubEndpoint: string;
  readonly offline: boolean;
  readonly sessionHours: number | null;
  readonly sessionStart: string | null;
  readonly endMarginMinutes: number;
  readonly gpuQuotaHours: number | null;
  readonly diskQuotaBytes: number | null;
}

/** Who may set a setting, weakest first. */
export type SettingLayer = "default" | "config" | "environment" | "call";

/** Where a setting's value came from. */
export interface SettingSource {
  readonly layer: SettingLayer;
  /** `default`, `config:<file>`, `env-file`, `env` or `call`. */
  readonly source: string;
}

/** The source of every setting. */
export type Provenance = Readonly<Record<keyof Settings, SettingSource>>;
