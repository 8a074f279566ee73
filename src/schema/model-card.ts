import { z } from "zod";
import type { ModelCard } from "./model-types.js";

/** One step of a path or id: what every file system and URL takes as it stands. It can't be `..`, nor begin with `.` or `-`. */
const STEP = "[A-Za-z0-9_](?:[A-Za-z0-9_-]|\\.(?!\\.)){0,95}";

/** A registry key, such as `bge-small-en-v1.5`. */
export const modelKeyPattern = new RegExp(`^${STEP}$`);
/** A commit of the hub. */
export const revisionPattern = /^[0-9a-f]{40}$/;

const Key = z.string().regex(modelKeyPattern, 'must be letters, digits, "_", "-" and single ".", at most 96');
/** A hub id, `owner/name`. */
export const hubIdPattern = new RegExp(`^${STEP}/${STEP}$`);
/** A file's path in a model's folder. */
export const filePathPattern = new RegExp(`^${STEP}(?:/${STEP}){0,4}$`);

const HubId = z.string().regex(hubIdPattern, 'must be "owner/name"');
const OnnxPath = z
  .string()
  .regex(filePathPattern, "must be a relative path without ..")
  .endsWith(".onnx", "must be an .onnx file");
/** Pickles and scripts run code when a tool opens them; none of these endings is one of ONNX's raw tensor data. */
const NO_TENSORS = /\.(?:pt|pth|bin|pkl|pickle|ckpt|py|json|safetensors|h5|msgpack)$/i;
const DataName = z
  .string()
  .regex(new RegExp(`^${STEP}$`), "must be a plain file name")
  .refine(
    (name) => !NO_TENSORS.test(name),
    "must be raw tensor data such as model.onnx_data, never a pickle or a script",
  );
const Dtype = z.enum(["fp32", "fp16", "int8"]);

/** What each role's vectors can be pooled by; `none` in the sparse and dense roles marks a model this library can't run. */
const poolings: Readonly<Record<ModelCard["role"], readonly ModelCard["pooling"][]>> = {
  dense: ["mean", "cls", "last_token", "none"],
  sparse: ["splade", "none"],
  rerank: ["none", "cls"],
};

const ModelCardSchema = z
  .strictObject({
    key: Key,
    role: z.enum(["dense", "sparse", "rerank"]),
    hubId: HubId,
    revision: z.string().regex(revisionPattern, "must be a full commit, 40 hex digits").nullable(),
    onnx: z.partialRecord(Dtype, OnnxPath).nullable(),
    externalData: z.partialRecord(Dtype, z.array(DataName)),
    dim: z.int().min(1).max(1_000_000),
    matryoshka: z.array(z.int().min(1)),
    pooling: z.enum(["mean", "cls", "last_token", "splade", "none"]),
    queryPrefix: z.string().max(1000),
    documentPrefix: z.string().max(1000),
    maxTokens: z.int().min(4),
    parameters: z.int().min(0),
    licence: z.string().min(1).max(100),
    commercialUse: z.boolean(),
    remark: z.string().max(1000),
  })
  .superRefine((card, context) => {
    const refuse = (path: string, message: string) => context.addIssue({ code: "custom", path: [path], message });
    if (!poolings[card.role].includes(card.pooling))
      refuse("pooling", `must be one of ${poolings[card.role].join(", ")} for a ${card.role} model`);
    if (card.matryoshka.some((dim) => dim >= card.dim)) refuse("matryoshka", `must be smaller than dim, ${card.dim}`);
    if (card.onnx === null ? card.remark === "" : Object.keys(card.onnx).length === 0) {
      refuse("onnx", "must name a file for at least one dtype, or be null and remark say how to bring one");
    }
    const known = Object.keys(card.onnx ?? {});
    if (!Object.keys(card.externalData).every((dtype) => known.includes(dtype)))
      refuse("externalData", "must be of dtypes that onnx has");
  });

/** A checked row, or what is wrong with it. */
export type ModelCardResult =
  | { readonly ok: true; readonly card: ModelCard }
  | { readonly ok: false; readonly problem: string };

/** Checks a row of the registry, such as one that the operator adds. */
export function parseModelCard(value: unknown): ModelCardResult {
  const parsed = ModelCardSchema.safeParse(value);
  if (parsed.success) return { ok: true, card: parsed.data as ModelCard };
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join(".") || "the row"}: ${message}`);
  return { ok: false, problem: problems.slice(0, 5).join("; ") };
}
