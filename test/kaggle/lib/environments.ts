import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { root } from "../../lib/sample.ts";

/** Where the Python environments are: those that RAG_CELLS_KAGGLE names, or where the script makes them. */
const place = resolve(root, process.env["RAG_CELLS_KAGGLE"] ?? ".cache/kaggle");

/** A Python environment that stands for one generation of Kaggle's image. */
export interface Environment {
  readonly name: string;
  readonly dir: string;
  readonly python: string;
  /** False, or why its tests are skipped, in words. */
  readonly skip: string | false;
}

/** All environments that have pins, whether they were made or not. */
export const environments: readonly Environment[] = readdirSync(join(root, "test/kaggle/environments"))
  .filter((file) => file.endsWith(".txt"))
  .map((file) => {
    const name = file.slice(0, -".txt".length);
    const dir = join(place, name);
    const made = existsSync(join(dir, "pins.txt"));
    return {
      name,
      dir,
      python: join(dir, "bin/python"),
      skip: made ? false : `there is no ${dir}; run test/kaggle/environments.sh ${name}`,
    };
  });

/** One environment of each generation: what takes long runs in these. The oldest Python runs what is the magic's own. */
export const generations = environments.filter(({ name }) => !name.endsWith("py310"));

/** What a process left behind. */
export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, without standing in the way of a second one. */
export function run(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv; readonly input?: string } = {},
): Promise<Ended> {
  const { cwd, env, input } = options;
  const child = spawn(command, args, { cwd, env, stdio: ["pipe", "pipe", "pipe"], timeout: 600_000 });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  child.stdin.end(input ?? "");
  return new Promise((done, fail) => {
    child.once("error", fail);
    child.once("close", (status) => done({ status, stdout, stderr }));
  });
}
