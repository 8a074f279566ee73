import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { root, scratch } from "../../lib/sample.ts";
import { type Ended, type Environment, run } from "./environments.ts";

/** Runs a command where `place`'s folders are /kaggle/input and /kaggle/working. */
export function standIn(
  environment: Environment,
  place: string,
  command: readonly string[],
  input?: string,
): Promise<Ended> {
  return run(
    join(root, "test/kaggle/stand-in.sh"),
    [environment.dir, join(place, "input"), join(place, "working"), ...command],
    input === undefined ? {} : { input },
  );
}

/** True where this system lets nobody make a stand-in: no user namespaces. */
export function impossible({ status, stderr }: Ended): boolean {
  return status !== 0 && /unshare: unshare failed|^mount: .*permission denied/m.test(stderr);
}

/** Folders that play /kaggle/input, with one document, and /kaggle/working. */
export async function kagglePlace(): Promise<string> {
  const place = await scratch("kaggle");
  await mkdir(join(place, "input"));
  await mkdir(join(place, "working"));
  await writeFile(
    join(place, "input/doc.md"),
    "# Bread\n\nFlour, water, salt and time.\n\n## Crust\n\nSteam makes it thin.\n",
  );
  return place;
}

/** Writes a notebook for Python into the working folder. */
export async function notebook(place: string, name: string, cells: readonly string[]): Promise<void> {
  const document = {
    nbformat: 4,
    nbformat_minor: 5,
    metadata: { kernelspec: { name: "python3", display_name: "Python 3", language: "python" } },
    cells: cells.map((source, i) => ({
      id: `cell-${i}`,
      cell_type: "code",
      execution_count: null,
      metadata: { tags: [] },
      outputs: [],
      source,
    })),
  };
  await writeFile(join(place, "working", `${name}.ipynb`), JSON.stringify(document));
}

/** A code cell that a run has left. */
export interface Cell {
  readonly source: string | readonly string[];
  readonly outputs: readonly {
    readonly output_type: string;
    readonly ename?: string;
    readonly evalue?: string;
    readonly data?: Record<string, unknown>;
  }[];
}

/** The code cells that a run has left, without what papermill adds to tell of an error. */
export async function codeCells(place: string, name: string): Promise<Cell[]> {
  const { cells } = JSON.parse(await readFile(join(place, "working", `${name}.ipynb`), "utf8"));
  return cells.filter((cell: { cell_type: string }) => cell.cell_type === "code");
}
