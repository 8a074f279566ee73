import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { NotebookRun } from "../notebook/run.js";
import { lastLine } from "../notebook/terminal.js";
import type { Io, Verb } from "./io.js";
import { packageRoot } from "./package-root.js";
import { runAndWrite, shownPath, table } from "./run-notebook.js";
import { findCollection, reusedCells } from "./summary-figures.js";

/**
 * `rag-cells journey`: runs `notebooks/journey.ipynb` in a real kernel and leaves
 * the executed notebook and its page beside the collection in `out/sample/`.
 */
export const journey: Verb = async (args, io) => {
  parseArgs({ args: [...args], options: {} });
  const root = packageRoot();
  const folder = resolve(root, "out", "sample");
  const { run, page } = await runAndWrite(join(root, "notebooks", "journey.ipynb"), folder, true, io);
  await report(run, page, folder, io);
  if (run.failure === null) return 0;
  process.stderr.write(`${run.failure}\n`);
  return 1;
};

async function report(run: NotebookRun, page: string | null, folder: string, io: Io): Promise<void> {
  const collection = await findCollection(folder);
  const rows: [string, string][] = [["notebook", shownPath(run.path, io)]];
  if (page !== null) rows.push(["page", shownPath(page, io)]);
  if (run.failure === null && collection !== null) {
    rows.push(["collection", shownPath(collection.folder, io)], ["manifest", shownPath(collection.manifest, io)]);
  }
  io.out.write(`Files\n${table(rows)}\nMeasured\n`);
  const measured: [string, string][] = run.cells
    .filter((cell) => cell.status !== "not run")
    .map((cell) => [`cell ${cell.number}`, `${cell.seconds.toFixed(2).padStart(6)} s  ${lastLine(cell.label)}`]);
  measured.push(["kernel", `${run.startSeconds.toFixed(2).padStart(6)} s  to its first answer`]);
  measured.push(["in all", `${run.seconds.toFixed(2).padStart(6)} s`]);
  io.out.write(table(measured));
  if (run.failure !== null) return;
  if (collection !== null) io.out.write(table(collection.figures));
  const reused = reusedCells(run.cells);
  if (reused > 0) io.out.write(`\n${reused} ${reused === 1 ? "stage was" : "stages were"} reused.\n`);
}
