import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { neededLibraries } from "./elf.js";
import { askTool, type Env } from "./tool.js";

/** The file by which the inference runtime computes on NVIDIA's GPUs. It is not in the npm package: it is fetched in a step of its own. */
export interface ProviderFile {
  readonly path: string;
  /** Names of the libraries that it asks for. */
  readonly needed: readonly string[];
  /** Major version of the CUDA that it was built for; null where it asks for none. */
  readonly cuda: number | null;
}

/** Both have to be there: the second loads the first. */
const FILES = ["libonnxruntime_providers_cuda.so", "libonnxruntime_providers_shared.so"] as const;

/** The folder of the installed runtime's native code; null where the package is absent or has none for this system. */
export function runtimeFolder(from: string = import.meta.url): string | null {
  try {
    const bin = join(dirname(dirname(createRequire(from).resolve("onnxruntime-node"))), "bin");
    const version = readdirSync(bin).sort().at(-1);
    return version === undefined ? null : join(bin, version, process.platform, process.arch);
  } catch {
    return null;
  }
}

/**
 * The CUDA provider in a folder; null where it, or what loads it, is not there.
 *
 * @throws RangeError for a file that is no library
 */
export function findProvider(folder: string | null): ProviderFile | null {
  const there = folder === null ? [] : namesIn(folder);
  if (folder === null || !FILES.every((name) => there.includes(name))) return null;
  const path = join(folder, FILES[0]);
  const needed = neededLibraries(path);
  const version = needed.map((name) => /^libcudart\.so\.(\d{1,3})(\.|$)/.exec(name)?.[1]).find((found) => found);
  return { path, needed, cuda: version === undefined ? null : Number(version) };
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/**
 * Names of the libraries, of those that a file needs and those that they need in turn,
 * which a process with this environment would not find; a word where `ldd` can't tell.
 * Nothing of them is run.
 */
export async function absentLibraries(path: string, env: Env): Promise<readonly string[] | string> {
  const told = await askTool("ldd", [path], { ...env, LC_ALL: "C" }, 20);
  if (told.kind === "absent") return "there is no ldd";
  if (told.kind === "unstartable") return `ldd can't be started (${told.words})`;
  if (told.kind === "silent") return `ldd gave no answer within ${told.seconds} s`;
  if (told.code !== 0) return `ldd can't look at it (exit code ${told.code})`;
  return [...new Set([...told.stdout.matchAll(/^\s*(\S+) => not found$/gm)].map(([, name]) => name as string))];
}
