import { open, realpath } from "node:fs/promises";
import { join, posix, relative, sep } from "node:path";
import { modelFileOutside } from "../core/errors.js";
import type { ModelCard } from "../schema/model-types.js";
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

/** What a folder has of a model: paths from the folder, with `/`. */
export interface ModelFiles {
  readonly onnx: string;
  readonly externalData: readonly { readonly name: string; readonly path: string }[];
  /** Small files that decide results, and are there. */
  readonly optional: readonly string[];
  readonly missing: readonly MissingFile[];
}

/** Every file a model needs, as missing: what to say where no folder has any of it. */
export function neededFiles(card: ModelCard, dtype: string): MissingFile[] {
  const said = card.onnx?.[dtype] as string;
  const external = (card.externalData[dtype] ?? []).map((name) => posix.join(posix.dirname(said), name));
  return [...required, said, ...external].map((path) => ({ path, bytes: roughSize(card, path), problem: "missing" }));
}

const required = ["config.json", "tokenizer.json", "tokenizer_config.json"];
const optional = ["1_Pooling/config.json", "sentence_bert_config.json"];

/**
 * Looks for every file of a model in one folder. The ONNX file may stand where
 * the row says, under `onnx/`, or beside the others, since uploads lose folders.
 *
 * @param root the folder's links must not lead out of this one
 * @throws RagError `model_file_outside`
 */
export async function modelFiles(card: ModelCard, dtype: string, folder: string, root: string): Promise<ModelFiles> {
  const inside = await realpath(root);
  const look = (path: string) => problemOf(join(folder, path), inside);
  const missing: MissingFile[] = [];
  const need = async (path: string, sized = path) => {
    const problem = await look(path);
    if (problem !== null) missing.push({ path, bytes: roughSize(card, sized), problem });
  };

  for (const path of required) await need(path);
  const said = card.onnx?.[dtype] as string;
  const file = posix.basename(said);
  let onnx = said;
  for (const path of new Set([said, `onnx/${file}`, file])) {
    if ((await look(path)) !== null) continue;
    onnx = path;
    break;
  }
  await need(onnx, said);
  const externalData = (card.externalData[dtype] ?? []).map((name) => ({
    name,
    path: posix.join(posix.dirname(onnx), name),
  }));
  for (const { name, path } of externalData) await need(path, posix.join(posix.dirname(said), name));

  const present: string[] = [];
  for (const path of optional) if ((await look(path)) === null) present.push(path);
  return { onnx, externalData, optional: present, missing };
}

function roughSize(card: ModelCard, path: string): number | null {
  return roughSizes[card.hubId]?.[path] ?? null;
}

/** Null for a file that can be read and is inside; else what is wrong. */
async function problemOf(path: string, inside: string): Promise<string | null> {
  try {
    const real = await realpath(path);
    const way = relative(inside, real);
    if (way === ".." || way.startsWith(`..${sep}`)) throw modelFileOutside(path, real, inside);
    const file = await open(real, "r");
    try {
      const info = await file.stat();
      if (!info.isFile()) return "no file";
      if (info.size === 0) return "empty";
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
