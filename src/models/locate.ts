import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { missingModelFiles, modelConfigDisagrees, modelFileBad, noDtype, noOnnx } from "../core/errors.js";
import { canonicalJson, sha256 } from "../core/hash.js";
import { checkModelConfigs } from "../schema/model-config.js";
import type { LocatedModel, ModelCard } from "../schema/model-types.js";
import { type DigestMemory, digestFile } from "./digest.js";
import { type MissingFile, type ModelFiles, modelFiles, neededFiles } from "./files.js";
import { type ModelFolder, modelFolders } from "./folders.js";

/** A model that no root has whole. */
export interface MissingFiles {
  readonly card: ModelCard;
  readonly dtype: string;
  /** The roots that were searched, in order. */
  readonly searched: readonly string[];
  /** The folder that comes closest, or null where there is none at all. */
  readonly folder: string | null;
  readonly missing: readonly MissingFile[];
}

const MIB = 2 ** 20;
/** Largest JSON files that are read, in bytes; the largest tokenizers in use have about 33 MB. */
const LARGEST = { tokenizer: 64 * MIB, config: 4 * MIB };

/**
 * Finds a model's files under the roots, the first folder that has all of them,
 * reads its small JSON files against the row, and hashes every file that decides
 * results. Nothing is written, so read-only roots serve.
 *
 * @param dtype `fp32`, `fp16` or `int8`
 * @param memory digests of files seen before; filled
 * @returns the model, or what is missing
 * @throws RagError `no_onnx`, `no_dtype`, `model_file_outside` (a link leads out of the root), `model_file_bad`, `model_config_disagrees`
 */
export async function locateModel(
  card: ModelCard,
  roots: readonly string[],
  dtype: string,
  memory: DigestMemory = new Map(),
): Promise<LocatedModel | MissingFiles> {
  if (card.onnx === null) throw noOnnx(card.key, card.remark);
  if (!Object.hasOwn(card.onnx, dtype)) throw noDtype(card.key, dtype, Object.keys(card.onnx));
  let closest: MissingFiles | null = null;
  const searched = roots.map((root) => resolve(root));
  for (const root of searched) {
    for (const place of await modelFolders(card, root)) {
      const files = await modelFiles(card, dtype, place.folder, root);
      if (files.missing.length === 0) return openFolder(card, dtype, place, files, memory);
      if (closest === null || files.missing.length < closest.missing.length) {
        closest = { card, dtype, searched, folder: place.folder, missing: files.missing };
      }
    }
  }
  return closest ?? { card, dtype, searched, folder: null, missing: neededFiles(card, dtype) };
}

/**
 * Finds several models, in order; what any of them lacks stands in one error.
 *
 * @throws RagError `model_files_missing` (every missing file of every model), and those of {@link locateModel}
 */
export async function locateModels(
  cards: readonly ModelCard[],
  roots: readonly string[],
  dtype: string,
  memory: DigestMemory = new Map(),
): Promise<LocatedModel[]> {
  const located: LocatedModel[] = [];
  const lacking: MissingFiles[] = [];
  for (const card of cards) {
    const model = await locateModel(card, roots, dtype, memory);
    if ("missing" in model) lacking.push(model);
    else located.push(model);
  }
  if (lacking.length > 0)
    throw missingModelFiles(lacking.map((model) => ({ ...model, key: model.card.key, hubId: model.card.hubId })));
  return located;
}

async function openFolder(
  card: ModelCard,
  dtype: string,
  { folder, revision }: ModelFolder,
  found: ModelFiles,
  memory: DigestMemory,
): Promise<LocatedModel> {
  const paths = [
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    ...found.optional,
    found.onnx,
    ...found.externalData.map(({ path }) => path),
  ];
  const files: { path: string; bytes: number; sha256: string }[] = [];
  for (const path of paths.sort()) files.push({ path, ...(await digestFile(join(folder, path), memory)) });
  for (const { path, bytes } of files) {
    const most = path === "tokenizer.json" ? LARGEST.tokenizer : LARGEST.config;
    if (path.endsWith(".json") && bytes > most)
      throw modelFileBad(join(folder, path), `it has ${bytes} bytes, at most ${most} are read`);
  }
  const read = async (path: string) => (paths.includes(path) ? readJson(join(folder, path)) : null);
  const checked = checkModelConfigs(card, {
    config: await read("config.json"),
    tokenizerConfig: await read("tokenizer_config.json"),
    sentenceBert: await read("sentence_bert_config.json"),
    pooling: await read("1_Pooling/config.json"),
  });
  if (!checked.ok) throw modelConfigDisagrees(card.key, join(folder, checked.file), checked.problem);
  const fingerprint = sha256(canonicalJson(files.map((file) => [file.path, file.sha256])));
  return {
    card,
    root: folder,
    revision: revision ?? `content:${fingerprint.slice(0, 16)}`,
    dtype,
    onnxFile: join(folder, found.onnx),
    externalData: found.externalData.map(({ name, path }) => ({ name, path: join(folder, path) })),
    tokenizerFile: join(folder, "tokenizer.json"),
    tokenizerConfigFile: join(folder, "tokenizer_config.json"),
    files,
    fingerprint,
    maxTokens: checked.maxTokens,
  };
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    throw modelFileBad(path, `it is no JSON (${(cause as Error).message})`, cause);
  }
}
