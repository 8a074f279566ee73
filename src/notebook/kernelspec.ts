/** The kernelspec: how Jupyter, and our own client, start a tslab kernel. */
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { kernelspecUnwritable } from "../core/errors.js";
import { writeWhole } from "./files.js";
import { tslabCommand } from "./zmq.js";

/** Folder name of the kernelspec; notebooks refer to it as `metadata.kernelspec.name`. */
export const KERNEL_NAME = "rag-cells-typescript";

/** `kernel.json` as Jupyter reads it. */
export interface KernelSpec {
  readonly argv: readonly string[];
  readonly display_name: string;
  readonly language: "typescript";
  readonly interrupt_mode: "signal";
}

/**
 * The compiler inside tslab makes much garbage. With V8's own limits a kernel that
 * has imported this package holds over 300 MB and lets it grow; with a small space
 * for young objects and an old space that grows in steps of 10 % it holds 210 MB,
 * and 100,000 chunks fit in 400 MB (`npm run bench:memory`).
 */
const MEMORY_FLAGS = ["--max-semi-space-size=1", "--heap-growing-percent=10"];

/** The kernelspec of this installation: absolute paths of node, the preload and tslab. */
export function kernelSpec(): KernelSpec {
  const preload = fileURLToPath(new URL("./preload.js", import.meta.url));
  return {
    argv: [
      process.execPath,
      ...MEMORY_FLAGS,
      "-r",
      preload,
      tslabCommand(),
      "kernel",
      "--config-path",
      "{connection_file}",
    ],
    display_name: "TypeScript (rag-cells)",
    language: "typescript",
    interrupt_mode: "signal",
  };
}

/**
 * Where a user's own Jupyter data lies, by Jupyter's rules: `JUPYTER_DATA_DIR`,
 * else the system's usual place.
 */
export function jupyterDataDir(
  env: Readonly<Record<string, string | undefined>>,
  platform: string = process.platform,
): string {
  if (env.JUPYTER_DATA_DIR) return env.JUPYTER_DATA_DIR;
  const home = env.HOME || homedir();
  if (platform === "darwin") return join(home, "Library", "Jupyter");
  if (platform === "win32") return env.APPDATA ? join(env.APPDATA, "jupyter") : join(home, ".jupyter", "data");
  return join(env.XDG_DATA_HOME || join(home, ".local", "share"), "jupyter");
}

/**
 * Writes `kernels/rag-cells-typescript/kernel.json` under a Jupyter data folder
 * (`<prefix>/share/jupyter`, or {@link jupyterDataDir}).
 * @returns the file's path.
 * @throws RagError `kernelspec_unwritable`
 */
export async function writeKernelSpec(dataDir: string): Promise<string> {
  const path = join(dataDir, "kernels", KERNEL_NAME, "kernel.json");
  try {
    await writeWhole(path, `${JSON.stringify(kernelSpec(), null, 2)}\n`);
  } catch (error) {
    throw kernelspecUnwritable(path, error);
  }
  return path;
}
