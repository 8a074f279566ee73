import assert from "node:assert/strict";
import { join } from "node:path";
import { root } from "../../lib/sample.ts";
import { type Ended, type Environment, run } from "./environments.ts";
import { impossible, standIn } from "./stand-in.ts";

/** One output of a cell, as the kernel's message has it. */
export interface Output {
  readonly type: string;
  readonly name?: string;
  readonly text?: string;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly transient?: { readonly display_id?: string };
  readonly ename?: string;
  readonly evalue?: string;
  readonly traceback?: readonly string[];
}

/** What a step came to; a step has only what belongs to it. */
export interface Result {
  readonly status: string;
  readonly ename: string | null;
  readonly evalue: string | null;
  readonly outputs: readonly Output[];
  readonly afterStop: number | null;
  readonly seconds: number;
  readonly gone: boolean;
  readonly matches: readonly string[];
  readonly cursor_start: number;
  readonly cursor_end: number;
  readonly found: boolean;
  readonly data: Readonly<Record<string, string>>;
}

/** Steps of test/kaggle/lib/drive.py, by a name each. */
export type Steps = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

type Results<S extends Steps> = { readonly [name in keyof S]: Result };

/** The first cell of a notebook: the magic from this checkout. */
export const loadMagic = `import sys
sys.path.insert(0, ${JSON.stringify(join(root, "kaggle"))})
import rag_cells_magic
rag_cells_magic.load()`;

/** Runs the steps in one Python kernel that begins in `cwd`. */
export async function drive<S extends Steps>(environment: Environment, cwd: string, steps: S): Promise<Results<S>> {
  const ended = await run(environment.python, [DRIVE], {
    cwd,
    // Kernels that die by a kill leave their sockets: they belong to the test, which removes its folder.
    env: { ...process.env, TMPDIR: cwd, JUPYTER_PLATFORM_DIRS: "1", PYDEVD_DISABLE_FILE_VALIDATION: "1" },
    input: JSON.stringify(Object.values(steps)),
  });
  return resultsOf(ended, steps);
}

/** The same in a stand-in, in its working folder; what the system said where it lets nobody make one. */
export async function driveInStandIn<S extends Steps>(
  environment: Environment,
  place: string,
  steps: S,
): Promise<Results<S> | string> {
  const ended = await standIn(environment, place, ["python", DRIVE], JSON.stringify(Object.values(steps)));
  return impossible(ended) ? ended.stderr : resultsOf(ended, steps);
}

const DRIVE = join(root, "test/kaggle/lib/drive.py");

function resultsOf<S extends Steps>({ status, stdout, stderr }: Ended, steps: S): Results<S> {
  assert.equal(status, 0, stderr);
  const results = JSON.parse(stdout) as Result[];
  return Object.fromEntries(Object.keys(steps).map((name, i) => [name, results[i]])) as Results<S>;
}

/** All that a cell printed on one stream. */
export function printed(result: Result, stream = "stdout"): string {
  return result.outputs.map((output) => (output.name === stream ? output.text : "")).join("");
}
