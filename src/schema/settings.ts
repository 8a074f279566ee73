import { z } from "zod";
import type { Provenance, SettingSource, Settings } from "./settings-types.js";

/** Seconds of a timer. One of more than 24 days would go off at once. */
const Timeout = z.number().positive().max(86_400);

/** Every setting of a session, its type, its default and what it means: the one place. */
export const SettingsSchema = z.strictObject({
  dense: z.array(z.string().min(1)).min(1).describe("Keys of the dense models, the first one primary"),
  denseWeights: z
    .record(z.string(), z.number().positive().finite())
    .describe("Weight of each dense model in the fused vectors; 1 where absent"),
  denseFusion: z
    .enum(["auto", "mean", "concat"])
    .describe(
      "How several models' vectors become one: weighted mean, or concatenation scaled by the square root of the weights; auto takes the mean where dimensions agree",
    ),
  dim: z
    .int()
    .positive()
    .nullable()
    .describe("Matryoshka dimension to cut dense vectors to, normalised again; null keeps the model's own"),
  enableSparse: z.boolean().describe("Whether the sparse stage runs"),
  sparse: z
    .array(z.string().min(1))
    .min(1)
    .describe("Keys of the sparse models, the first one primary; bm25 needs no weights"),
  enableRerank: z.boolean().describe("Whether the rerank stage runs"),
  rerank: z.string().min(1).describe("Key of the cross-encoder"),
  rerankCandidates: z.int().positive().describe("Fused candidates per query that the cross-encoder reads"),
  rerankTopK: z.int().positive().describe("Reranked candidates kept per query"),
  rerankBatchCap: z
    .int()
    .positive()
    .nullable()
    .describe("Most pairs that the reranker computes at once; null leaves it to the token budget"),
  dtype: z
    .enum(["auto", "fp32", "fp16", "int8"])
    .describe("Which weights to load; auto takes fp16 on a GPU and fp32 on the CPU, where a model has them"),
  device: z
    .enum(["auto", "cpu", "cuda", "webgpu", "simulated"])
    .describe(
      "Where models run: auto takes the GPUs if there are any, and else the CPU; what is named and can't be used is an error",
    ),
  gpus: z
    .array(z.int().min(0))
    .min(1)
    .nullable()
    .describe("Numbers of the GPUs to use, as nvidia-smi counts; null for all that are visible"),
  simulation: z
    .string()
    .min(1)
    .describe("GPUs that device simulated and plan stand on: t4x2, t4, or a JSON file that describes some"),
  memoryCapBytes: z
    .int()
    .min(1e9)
    .describe(
      "Most bytes in use on a GPU; batches are planned below five sixths of it, and a process that comes near it is ended",
    ),
  deterministic: z
    .boolean()
    .describe("Whether a GPU's batches follow a plan made before the pass, in place of growing and shrinking"),
  leaseWaitSeconds: z
    .number()
    .min(0)
    .describe("Longest time to wait for a GPU that another kernel or session is using"),
  batchTimeoutSeconds: Timeout.describe(
    "Longest time a GPU may take for one batch before its process is ended and started again; at most a day",
  ),
  loadTimeoutSeconds: Timeout.describe(
    "Longest time a GPU may take to load a model before its process is ended and started again; at most a day",
  ),
  failedRows: z
    .enum(["error", "cpu"])
    .describe(
      "What becomes of a row that does not fit on a GPU even alone: an error behind all other rows, or the CPU computes it",
    ),
  threads: z.int().positive().describe("Threads of one operator in the inference process"),
  tokenBudget: z
    .int()
    .positive()
    .nullable()
    .describe(
      "Tokens that a model computes at once, padding included; null takes 1024 on the CPU and finds out what is best on a GPU",
    ),
  modelDirs: z.array(z.string().min(1)).describe("Folders to look for models in, in order"),
  cacheDir: z
    .string()
    .min(1)
    .describe("Folder that primeCache fetches into, in the layout of Python's hub client; searched after modelDirs"),
  modelLock: z
    .string()
    .min(1)
    .describe(
      "Lock file that holds the commit and the sha256 of every model file; commit it, or pack it with the models",
    ),
  vectorCache: z
    .string()
    .min(1)
    .nullable()
    .describe("File of the vectors that are used again, shared by all sessions; null keeps none"),
  vectorCacheBytes: z
    .int()
    .positive()
    .describe("Most bytes of the vector cache; beyond them the least recently used vectors go"),
  vectorCacheDays: z
    .number()
    .positive()
    .finite()
    .nullable()
    .describe("Days after which a vector that was not used leaves the vector cache; null for never"),
  hubEndpoint: z
    .string()
    .refine(isPlainWebAddress, "must be an http or https address without user name, query or fragment")
    .describe("Address of the hub, or of a mirror that speaks its file API"),
  offline: z.boolean().describe("Never touch the network"),
  sessionHours: z
    .number()
    .positive()
    .finite()
    .nullable()
    .describe("Hours after which the machine's session is ended from outside; null for never"),
  sessionStart: z.iso
    .datetime({ offset: true, error: "must be a date and time with a zone, such as 2026-11-27T08:00:00Z" })
    .nullable()
    .describe("When the machine's session began; null takes the start of its first process"),
  endMarginMinutes: z
    .number()
    .nonnegative()
    .finite()
    .describe("Minutes before that end at which stages stop and the session is packed; 0 for never"),
  gpuQuotaHours: z
    .number()
    .positive()
    .finite()
    .nullable()
    .describe("Hours a week that machines with a GPU may be used; null where there is no such quota"),
  diskQuotaBytes: z
    .int()
    .positive()
    .nullable()
    .describe(
      "Most bytes that may lie in /kaggle/working, or elsewhere in the folder that holds sessions; null for no quota",
    ),
});

function isPlainWebAddress(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  return /^https?:$/.test(protocol) && username + password + search + hash === "";
}

/** One layer's values, still unchecked. */
export interface SettingsLayer extends SettingSource {
  readonly values: Readonly<Record<string, unknown>>;
}

/** Settings and sources, or the first problem found: which key, from where, why. */
export type ResolvedSettings =
  | { readonly ok: true; readonly settings: Settings; readonly provenance: Provenance }
  | {
      readonly ok: false;
      readonly key: string;
      readonly value: unknown;
      readonly source: string;
      readonly problem: string;
    };

/** Lays the layers over each other, later wins, and checks each value where it enters, so that an error can name its source. */
export function resolveSettings(layers: readonly SettingsLayer[]): ResolvedSettings {
  const merged: Record<string, unknown> = {};
  const provenance: Record<string, SettingSource> = {};
  for (const { layer, source, values } of layers) {
    for (const [key, value] of Object.entries(values)) {
      if (value === undefined) continue;
      if (!Object.hasOwn(SettingsSchema.shape, key)) {
        return {
          ok: false,
          key,
          value,
          source,
          problem: `there is no setting of this name; settings are ${settingNames.join(", ")}`,
        };
      }
      const parsed = SettingsSchema.shape[key as keyof Settings].safeParse(value);
      if (!parsed.success) {
        return { ok: false, key, value, source, problem: parsed.error.issues.map((issue) => issue.message).join("; ") };
      }
      merged[key] = parsed.data;
      provenance[key] = { layer, source };
    }
  }
  return { ok: true, settings: SettingsSchema.parse(merged) as Settings, provenance: provenance as Provenance };
}

/** Names of all settings. */
export const settingNames = Object.keys(SettingsSchema.shape) as readonly (keyof Settings)[];

/** Keys of `config/embedder.json` and `config/embedder.config.json`, and the settings they set. */
export const configKeys: Readonly<Record<string, keyof Settings>> = {
  enable_rerank: "enableRerank",
  enable_sparse: "enableSparse",
  sparse_models: "sparse",
  dense_models: "dense",
  rerank_model: "rerank",
};

/** How a variable's text is read; of `force_cpu` only a yes sets something. */
export type VariableKind = "bool" | "list" | "int" | "number" | "text" | "force_cpu";

/** Environment variables, the settings they set, and how their text is read. */
export const environmentKeys: Readonly<
  Record<string, { readonly setting: keyof Settings; readonly kind: VariableKind }>
> = {
  EMBEDDER_ENABLE_RERANK: { setting: "enableRerank", kind: "bool" },
  EMBEDDER_ENABLE_SPARSE: { setting: "enableSparse", kind: "bool" },
  EMBEDDER_SPARSE_MODELS: { setting: "sparse", kind: "list" },
  EMBEDDER_RERANK_BATCH_CAP: { setting: "rerankBatchCap", kind: "int" },
  EMBEDDER_FORCE_CPU: { setting: "device", kind: "force_cpu" },
  HF_HUB_OFFLINE: { setting: "offline", kind: "bool" },
  HF_ENDPOINT: { setting: "hubEndpoint", kind: "text" },
  RAG_CELLS_SESSION_HOURS: { setting: "sessionHours", kind: "number" },
  RAG_CELLS_SESSION_START: { setting: "sessionStart", kind: "text" },
  RAG_CELLS_END_MARGIN_MINUTES: { setting: "endMarginMinutes", kind: "number" },
  RAG_CELLS_GPU_QUOTA_HOURS: { setting: "gpuQuotaHours", kind: "number" },
  RAG_CELLS_DISK_QUOTA_BYTES: { setting: "diskQuotaBytes", kind: "number" },
};

/** Reads a variable's text; what can't be read stays text, so that the schema refuses it with the value in the message. */
export function readVariable(text: string, kind: VariableKind): unknown {
  if (kind === "text") return text.trim();
  const word = text.trim().toLowerCase();
  if (kind === "list")
    return text
      .split(",")
      .map((part) => part.trim())
      .filter((part) => part !== "");
  if (kind === "number") return word === "none" ? null : /^\d+(\.\d+)?(e\d+)?$/.test(word) ? Number(word) : text;
  if (kind === "int") return /^\d+$/.test(word) ? Number(word) : text;
  const [yes, no] = kind === "force_cpu" ? ["cpu", undefined] : [true, false];
  if (["1", "true", "yes", "on"].includes(word)) return yes;
  if (["0", "false", "no", "off"].includes(word)) return no;
  return text;
}
