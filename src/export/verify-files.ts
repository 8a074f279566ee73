import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, realpath } from "node:fs/promises";
import { isAbsolute, join, sep } from "node:path";
import type { ManifestArtefact } from "../schema/manifest.js";

/**
 * What is wrong with a listed file, or null: not inside the folder, missing, no
 * plain file, of another size or hash than the manifest says.
 */
export async function fileProblem(
  folder: string,
  artefact: ManifestArtefact,
  signal?: AbortSignal,
): Promise<string | null> {
  const { path, bytes, sha256 } = artefact;
  if (isAbsolute(path) || path.split(/[\\/]/).some((part) => part === ".." || part === ""))
    return "its path leaves the folder";
  const full = join(folder, path);
  const stat = await lstat(full).catch((error: NodeJS.ErrnoException) => error);
  if (stat instanceof Error) return stat.code === "ENOENT" ? "it is missing" : stat.message;
  if (!stat.isFile()) return "it is no plain file";
  if (!(await realpath(full)).startsWith((await realpath(folder)) + sep)) return "a link leads it out of the folder";
  if (stat.size !== bytes) return `it has ${stat.size} bytes, the manifest says ${bytes}`;
  const found = await sha256OfFile(full, signal);
  return found === sha256
    ? null
    : `its sha256 is ${found.slice(0, 16)}..., the manifest says ${sha256.slice(0, 16)}...`;
}

/** Lower-case hex sha256 of a file, read a megabyte at a time. */
export async function sha256OfFile(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    signal?.throwIfAborted();
    hash.update(chunk);
  }
  return hash.digest("hex");
}
