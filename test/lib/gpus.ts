import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { scratch } from "./sample.ts";

export const UUIDS = ["GPU-5c3f9a2e-1b7d-4e08-9c41-0a6de2b7f310", "GPU-e81d04b6-77aa-4f0c-8d25-3b9c6a1f2e54"] as const;

/** What `nvidia-smi` prints of Kaggle's two T4s, in the order that the library asks for. */
export const T4S = [
  `0, ${UUIDS[0]}, 15360, 3, 0, 560.35.03, 7.5, [N/A], Tesla T4`,
  `1, ${UUIDS[1]}, 15360, 1203, 41, 560.35.03, 7.5, [N/A], Tesla T4`,
].join("\n");

/** What a stand-in `nvidia-smi` answers to each of the two questions: text, or lines of a shell script. */
export interface SmiAnswers {
  readonly gpus?: string;
  readonly processes?: string;
  /** Shell code in place of both answers. */
  readonly script?: string;
}

/** A folder for the PATH with a stand-in `nvidia-smi` in it. */
export async function fakeSmi({ gpus = T4S, processes = "", script }: SmiAnswers = {}): Promise<string> {
  const bin = await scratch("bin");
  const print = (text: string) => `cat <<'END'\n${text}\nEND`;
  const body = script ?? `case "$1" in\n--query-gpu=*)\n${print(gpus)}\n;;\n*)\n${print(processes)}\n;;\nesac`;
  writeScript(join(bin, "nvidia-smi"), body);
  return bin;
}

export function writeScript(path: string, body: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
}

/** An environment whose PATH begins with a folder, and whose Python knows no packages nvidia-*. */
export async function envWith(bin: string, more: Readonly<Record<string, string>> = {}) {
  writeScript(join(bin, "python3"), "echo");
  return { PATH: `${bin}:/usr/bin:/bin`, ...more };
}

/**
 * A folder with files that look like the CUDA provider's: shared libraries that ask for libraries
 * of these names, which lie in a folder of their own. Null where there is no compiler.
 */
export async function fakeProvider(
  needed: readonly string[] = ["libcudart.so.12", "libcublas.so.12", "libcudnn.so.9"],
): Promise<{ readonly folder: string; readonly libraries: string } | null> {
  const folder = await scratch("provider");
  const libraries = join(folder, "libraries");
  mkdirSync(libraries);
  const gcc = (...args: string[]) => spawnSync("gcc", ["-shared", "-fPIC", ...args], { cwd: folder }).status === 0;
  writeFileSync(join(folder, "empty.c"), "int provider(void) { return 1; }");
  const made =
    needed.every((name) => gcc("-o", join(libraries, name), "empty.c", `-Wl,-soname,${name}`)) &&
    gcc("-o", "libonnxruntime_providers_shared.so", "empty.c") &&
    gcc(
      ...["-o", "libonnxruntime_providers_cuda.so", "empty.c", "-Wl,--no-as-needed", `-L${libraries}`],
      ...needed.map((name) => `-l:${name}`),
    );
  return made && existsSync(join(folder, "libonnxruntime_providers_cuda.so")) ? { folder, libraries } : null;
}
