import { open, realpath } from "node:fs/promises";
import { posix, relative, sep } from "node:path";
import { modelFileOutside, modelFileShared } from "../core/errors.js";
import type { ModelCard } from "../schema/model-types.js";
import { type ModelFolder, placeOf } from "./folders.js";
import { roughSizes } from "./registry-data.js";

/** A file that a model needs and a folder does not give. */
export interface MissingFile {
  /** Path from the model's folder, with `/`. */
  readonly path: string;
  /** About how many bytes it has, where that is known. */
  readonly bytes: number | null;
  /** Such as `missing` or `empty`. */
  readonly problem: string;
}

/** A file of a model: its path in the repository, with `/`, and where it was found. */
export interface ModelFile {
  readonly path: string;
  /** Absolute. */
  readonly place: string;
}

/** What a folder has of a model. */
export interface ModelFiles {
  readonly onnx: ModelFile;
  /** With the name by which the ONNX file calls it. */
  readonly externalData: readonly (ModelFile & { readonly name: string })[];
  /** The small files that every model has, and those that decide results where they are there. */
  readonly configs: readonly ModelFile[];
  readonly missing: readonly MissingFile[];
}

/** Small files that no model does without. */
export const requiredFiles = ["config.json", "tokenizer.json", "tokenizer_config.json"] as const;
/** Small files that decide results, where a model has them. */
export const optionalFiles = ["1_Pooling/config.json", "sentence_bert_config.json"] as const;

/** Paths of a model's large files in its repository: the graph, and the data beside it. */
export function weightFiles(card: ModelCard, dtype: string): { onnx: string; externalData: string[] } {
  const onnx = card.onnx?.[dtype] as string;
  const beside = (name: string) => posix.join(posix.dirname(onnx), name);
  return { onnx, externalData: (card.externalData[dtype] ?? []).map(beside) };
}

/** Every file a model needs, as missing: what to say where no folder has any of it. */
export function neededFiles(card: ModelCard, dtype: string): MissingFile[] {
  const { onnx, externalData } = weightFiles(card, dtype);
  return [...requiredFiles, onnx, ...externalData].map((path) => ({
    path,
    bytes: roughSize(card, path),
    problem: "missing",
  }));
}

/**
 * Looks for every file of a model in one folder. The ONNX file may stand where
 * the row says, under `onnx/`, or beside the others, since uploads lose folders.
 *
 * @param root the folder's links must not lead out of this one
 * @throws RagError `model_file_outside`
 */
export async function modelFiles(
  card: ModelCard,
  dtype: string,
  folder: ModelFolder,
  root: string,
): Promise<ModelFiles> {
  const inside = await realpath(root);
  const missing: MissingFile[] = [];
  const need = async (path: string, place: string, alone = false): Promise<ModelFile> => {
    const problem = await problemOf(place, inside, alone);
    if (problem !== null) missing.push({ path, bytes: roughSize(card, path), problem });
    return { path, place };
  };

  const configs: ModelFile[] = [];
  for (const path of requiredFiles) configs.push(await need(path, placeOf(folder, card, path)));
  const weights = weightFiles(card, dtype);
  const file = posix.basename(weights.onnx);
  let standing = weights.onnx;
  for (const path of new Set([weights.onnx, `onnx/${file}`, file])) {
    if ((await problemOf(placeOf(folder, card, path), inside, false)) !== null) continue;
    standing = path;
    break;
  }
  const onnx = await need(weights.onnx, placeOf(folder, card, standing));
  const externalData: (ModelFile & { name: string })[] = [];
  for (const path of weights.externalData) {
    const name = posix.basename(path);
    const place = placeOf(folder, card, posix.join(posix.dirname(standing), name));
    externalData.push({ ...(await need(path, place, true)), name });
  }
  for (const path of optionalFiles) {
    const place = placeOf(folder, card, path);
    if ((await problemOf(place, inside, false)) === null) configs.push({ path, place });
  }
  return { onnx, externalData, configs, missing };
}

/** About how many bytes a file has, where that was seen. */
export function roughSize(card: ModelCard, path: string): number | null {
  return roughSizes[card.hubId]?.[path] ?? null;
}

/**
 * Null for a file that can be read and is inside; else what is wrong.
 *
 * @param alone the file must have no second name: a hard link shares its bytes with a file that may be anywhere
 */
async function problemOf(path: string, inside: string, alone: boolean): Promise<string | null> {
  try {
    const real = await realpath(path);
    const way = relative(inside, real);
    if (way === ".." || way.startsWith(`..${sep}`)) throw modelFileOutside(path, real, inside);
    const file = await open(real, "r");
    try {
      const info = await file.stat();
      if (!info.isFile()) return "no file";
      if (info.size === 0) return "empty";
      if (alone && info.nlink > 1) throw modelFileShared(path, info.nlink);
      const head = Buffer.alloc(Math.min(info.size, 40));
      await file.read(head, 0, head.length, 0);
      const pointer = info.size < 1024 && head.toString("latin1").startsWith("version https://git-lfs");
      return pointer ? "a Git LFS pointer in place of the file" : null;
    } finally {
      await file.close();
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return "missing";
    if (code === "EACCES" || code === "EPERM" || code === "ELOOP" || code === "EISDIR") return `not readable (${code})`;
    throw error;
  }
}
