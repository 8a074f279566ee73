import { readFile, stat } from "node:fs/promises";
import { basename, relative, resolve, sep } from "node:path";
import { missingModelFiles, modelConfigDisagrees, modelFileBad, noDtype, noOnnx } from "../core/errors.js";
import { canonicalJson, sha256 } from "../core/hash.js";
import { checkModelConfigs } from "../schema/model-config.js";
import { shapeOf } from "../schema/model-shape.js";
import type { LocatedModel, ModelCard } from "../schema/model-types.js";
import { type DigestMemory, digestFile } from "./digest.js";
import { type MissingFile, type ModelFile, type ModelFiles, modelFiles, neededFiles } from "./files.js";
import { type ModelFolder, modelFolders } from "./folders.js";
import { type LockFile, lockedFile, lockedModel, readLock, readRootLock } from "./lock-file.js";

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

/** Where models are looked for, and what their files must be. */
export interface Places {
  /** Folders, in order. */
  readonly roots: readonly string[];
  /** `fp32`, `fp16` or `int8` for a row. @throws RagError `no_dtype`, `dtype_not_for_device` */
  readonly dtype: (card: ModelCard) => string;
  /** The operator's lock file; null where nothing is pinned. A root's own lock file counts beside it. */
  readonly lockPath: string | null;
  /** Digests of files seen before; filled. */
  readonly memory: DigestMemory;
  /** Models as they were located last, by key; filled. A model that is no longer whole is not in it. */
  readonly located: Map<string, LocatedModel>;
  /** Ends the reading of large files. */
  readonly signal?: AbortSignal;
}

/** What is there of several models, and what is not. */
export interface Look {
  readonly located: readonly LocatedModel[];
  readonly lacking: readonly MissingFiles[];
}

const MIB = 2 ** 20;
/** Largest JSON files that are read, in bytes; the largest tokenizers in use have about 33 MB. */
const LARGEST = { tokenizer: 64 * MIB, config: 4 * MIB };

/**
 * Finds a model's files under the roots, the first folder that has all of them as
 * the lock files say, reads its small JSON files against the row, and hashes every
 * file that decides results. Nothing is written, so read-only roots serve.
 *
 * @returns the model, or what is missing; a file that is not what a lock file says counts as missing
 * @throws RagError `no_onnx`, `no_dtype`, `dtype_not_for_device`, `model_file_outside` (a link leads out of the root), `model_file_bad`, `model_config_disagrees`, `bad_models_lock`
 */
export async function locateModel(card: ModelCard, places: Places): Promise<LocatedModel | MissingFiles> {
  places.located.delete(card.key);
  const model = await findWhole(card, places);
  if (!("missing" in model)) places.located.set(card.key, model);
  return model;
}

async function findWhole(card: ModelCard, places: Places): Promise<LocatedModel | MissingFiles> {
  if (card.onnx === null) throw noOnnx(card.key, card.remark);
  const dtype = places.dtype(card);
  if (!Object.hasOwn(card.onnx, dtype)) throw noDtype(card.key, dtype, Object.keys(card.onnx));
  const mine = places.lockPath === null ? null : await readLock(places.lockPath);
  const searched = places.roots.map((root) => resolve(root));
  const passed: PassedFolder[] = [];
  for (const root of searched) {
    const theirs = await readRootLock(root);
    const locks = [mine, theirs].filter((lock) => lock !== null);
    const pinned = lockedModel(mine, card)?.revision ?? lockedModel(theirs, card)?.revision ?? null;
    for (const place of await modelFolders(card, root, pinned)) {
      const files = await modelFiles(card, dtype, place, root);
      const whole = files.missing.length > 0 ? files.missing : await checkFolder(card, files, locks, places);
      if (!isChecked(whole)) {
        passed.push({ folder: place.folder, missing: whole });
        continue;
      }
      const revision = place.revision ?? lockedModel(theirs, card)?.revision ?? null;
      return openFolder(card, dtype, place, root, { ...files, checked: whole, revision, passed });
    }
  }
  const closest = passed.reduce<PassedFolder | null>(
    (best, other) => (best === null || other.missing.length < best.missing.length ? other : best),
    null,
  );
  const { folder, missing } = closest ?? { folder: null, missing: neededFiles(card, dtype) };
  const exact = (path: string) => lockedFile(lockedModel(mine, card), path)?.bytes;
  return {
    card,
    dtype,
    searched,
    folder,
    missing: missing.map((file) => ({ ...file, bytes: exact(file.path) ?? file.bytes })),
  };
}

/** A folder that has a model in part, or altered. */
interface PassedFolder {
  readonly folder: string;
  readonly missing: readonly MissingFile[];
}

/** A file that is there, with its hash, and whether a lock file vouches for it. */
interface CheckedFile extends ModelFile {
  readonly bytes: number;
  readonly sha256: string;
  readonly locked: boolean;
}

function isChecked(files: readonly CheckedFile[] | readonly MissingFile[]): files is readonly CheckedFile[] {
  return files.every((file) => "sha256" in file);
}

/** Hashes every file of a folder and holds it against the locks; what differs comes back as missing. */
async function checkFolder(
  card: ModelCard,
  found: ModelFiles,
  locks: readonly LockFile[],
  { memory, signal }: Places,
): Promise<readonly CheckedFile[] | readonly MissingFile[]> {
  const files = [...found.configs, found.onnx, ...found.externalData].sort((a, b) => (a.path < b.path ? -1 : 1));
  const checked: CheckedFile[] = [];
  const wrong: MissingFile[] = [];
  for (const { path, place } of files) {
    const said = locks.flatMap((lock) => {
      const file = lockedFile(lockedModel(lock, card), path);
      return file ? [{ ...file, lock: lock.path }] : [];
    });
    const { size } = await stat(place);
    const cut = said.find(({ bytes }) => bytes !== size);
    if (cut) {
      const problem = `${size < cut.bytes ? "cut off" : "altered"}: it has ${size} bytes, ${cut.lock} says ${cut.bytes}`;
      wrong.push({ path, bytes: cut.bytes, problem });
      continue;
    }
    const digest = await digestFile(place, memory, signal);
    const other = said.find((file) => file.sha256 !== digest.sha256);
    if (other) {
      const problem = `altered: its sha256 is ${digest.sha256.slice(0, 12)}..., ${other.lock} says ${other.sha256.slice(0, 12)}...`;
      wrong.push({ path, bytes: other.bytes, problem });
    } else checked.push({ path, place, ...digest, locked: said.length > 0 });
  }
  return wrong.length > 0 ? wrong : checked;
}

/**
 * Finds several models, in order; what any of them lacks stands in one error.
 *
 * @throws RagError `model_files_missing` (every missing file of every model), and those of {@link locateModel}
 */
export async function locateModels(cards: readonly ModelCard[], places: Places): Promise<readonly LocatedModel[]> {
  const { located, lacking } = await lookForModels(cards, places);
  if (lacking.length > 0) throw missingFilesError(lacking);
  return located;
}

/** Finds what is there of several models, and says what is not. @throws RagError those of {@link locateModel} */
export async function lookForModels(cards: readonly ModelCard[], places: Places): Promise<Look> {
  const located: LocatedModel[] = [];
  const lacking: MissingFiles[] = [];
  for (const card of cards) {
    const model = await locateModel(card, places);
    if ("missing" in model) lacking.push(model);
    else located.push(model);
  }
  return { located, lacking };
}

/** One error for everything that is missing. @param why what keeps it from being fetched, where something does */
export function missingFilesError(lacking: readonly MissingFiles[], why = ""): Error {
  return missingModelFiles(
    lacking.map((model) => ({ ...model, key: model.card.key, hubId: model.card.hubId })),
    why,
  );
}

async function openFolder(
  card: ModelCard,
  dtype: string,
  { folder }: ModelFolder,
  root: string,
  found: ModelFiles & {
    readonly checked: readonly CheckedFile[];
    readonly revision: string | null;
    readonly passed: readonly PassedFolder[];
  },
): Promise<LocatedModel> {
  const files = found.checked;
  const placeOfFile = (path: string) => files.find((file) => file.path === path)?.place ?? null;
  for (const { path, place, bytes } of files) {
    const most = path === "tokenizer.json" ? LARGEST.tokenizer : LARGEST.config;
    if (path.endsWith(".json") && bytes > most)
      throw modelFileBad(place, `it has ${bytes} bytes, at most ${most} are read`);
  }
  const read = async (path: string) => {
    const place = placeOfFile(path);
    return place === null ? null : readJson(place);
  };
  const config = await read("config.json");
  const checked = checkModelConfigs(card, {
    config,
    tokenizerConfig: await read("tokenizer_config.json"),
    sentenceBert: await read("sentence_bert_config.json"),
    pooling: await read("1_Pooling/config.json"),
  });
  if (!checked.ok) throw modelConfigDisagrees(card.key, placeOfFile(checked.file) ?? checked.file, checked.problem);
  const weights = [found.onnx, ...found.externalData].map(({ place }) => place);
  const weightBytes = files.reduce((sum, { place, bytes }) => sum + (weights.includes(place) ? bytes : 0), 0);
  const fingerprint = sha256(canonicalJson(files.map((file) => [file.path, file.sha256])));
  return {
    card,
    root: folder,
    servedFrom: [basename(root), ...relative(root, folder).split(sep)].filter((part) => part !== "").join("/"),
    revision: found.revision ?? `content:${fingerprint.slice(0, 16)}`,
    dtype,
    onnxFile: found.onnx.place,
    externalData: found.externalData.map(({ name, place }) => ({ name, path: place })),
    tokenizerFile: placeOfFile("tokenizer.json") as string,
    tokenizerConfigFile: placeOfFile("tokenizer_config.json") as string,
    files,
    fingerprint,
    maxTokens: checked.maxTokens,
    shape: shapeOf(config, card, dtype, weightBytes),
    passed: found.passed.map((other) => ({
      folder: other.folder,
      problems: other.missing.map(({ path, problem }) => `${path}: ${problem}`),
    })),
  };
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    throw modelFileBad(path, `it is no JSON (${(cause as Error).message})`, cause);
  }
}
