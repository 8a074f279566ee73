import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { askTool, type Env } from "./tool.js";

/** Where the packages nvidia-* of pip lie, a line each. Asked in the root folder: Python looks into the current one first. */
const ASK = `import importlib.util as u
found = u.find_spec("nvidia")
print("\\n".join(found.submodule_search_locations or []) if found else "")`;

/** Folders that systems with CUDA have; Kaggle has the last. */
const SYSTEM = ["/usr/local/cuda/lib64", "/usr/local/nvidia/lib64"];

/**
 * The library path for a process that computes with CUDA: the folders of the packages
 * nvidia-* that pip installed, the system's own, then what LD_LIBRARY_PATH has. The same
 * rules as in the bootstrap of Kaggle's notebooks. A process reads it once, when it starts.
 */
export async function cudaLibraryPath(env: Env, system: readonly string[] = SYSTEM): Promise<string> {
  const folders = [...(await pipFolders(env)), ...system.filter(isFolder)];
  const ours = (env["LD_LIBRARY_PATH"] ?? "").split(":").filter((folder) => folder !== "");
  return [...new Set([...folders, ...ours])].join(":");
}

async function pipFolders(env: Env): Promise<string[]> {
  for (const python of ["python3", "python"]) {
    const said = await askTool(python, ["-c", ASK], env, 20);
    if (said.kind !== "said" || said.code !== 0) continue;
    // A folder with a colon in its name can't stand in a path.
    const places = said.stdout.split("\n").filter((place) => place.startsWith("/") && !place.includes(":"));
    return places.flatMap((place) =>
      subfolders(place)
        .map((name) => join(place, name, "lib"))
        .filter(isFolder),
    );
  }
  return [];
}

function subfolders(place: string): string[] {
  try {
    return readdirSync(place).sort();
  } catch {
    return [];
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
