import { lstat, realpath, stat } from "node:fs/promises";
import { isAbsolute, join, sep } from "node:path";
import type { ManifestArtefact } from "../schema/manifest.js";
import { sha256OfFile } from "../store/hash-file.js";

/**
 * Why a listed file must not even be opened, or null: its path leaves the folder,
 * it is missing, or it is no plain file (a link, a folder, a pipe that would wait for ever).
 */
export async function placeProblem(folder: string, path: string): Promise<string | null> {
  const parts = path.split(/[\\/]/);
  if (isAbsolute(path) || parts.includes("..") || parts.includes("")) return "its path leaves the folder";
  const full = join(folder, path);
  const found = await lstat(full).catch((error: NodeJS.ErrnoException) => error);
  if (found instanceof Error) return found.code === "ENOENT" ? "it is missing" : found.message;
  if (!found.isFile()) return "it is no plain file";
  const inside = (await realpath(full)).startsWith((await realpath(folder)) + sep);
  return inside ? null : "a link leads it out of the folder";
}

/** What distinguishes a file from what the manifest says of it, or null. */
export async function contentProblem(
  folder: string,
  { path, bytes, sha256 }: ManifestArtefact,
  signal?: AbortSignal,
): Promise<string | null> {
  const { size } = await stat(join(folder, path));
  if (size !== bytes) return `it has ${size} bytes, the manifest says ${bytes}`;
  const found = await sha256OfFile(join(folder, path), signal);
  if (found === sha256) return null;
  return `its sha256 is ${found.slice(0, 16)}..., the manifest says ${sha256.slice(0, 16)}...`;
}
