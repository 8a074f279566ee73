import { basename, join, relative } from "node:path";
import { wouldOverwrite } from "../core/errors.js";
import { writeWhole } from "../notebook/files.js";
import { readNotebook } from "../notebook/notebook-file.js";
import { notebookPage } from "../notebook/page.js";
import { type NotebookRun, runNotebook } from "../notebook/run.js";
import type { Io } from "./io.js";
import { createProgress } from "./progress.js";

/** What {@link runAndWrite} left on the disk. */
export interface Written {
  readonly run: NotebookRun;
  /** The HTML page, where one was asked for. */
  readonly page: string | null;
}

/**
 * Runs a notebook, given by its absolute path, with progress on `io.out`; writes it, and its page, into `folder`.
 * @throws RagError `would_overwrite`, and what `runNotebook` throws
 */
export async function runAndWrite(notebook: string, folder: string, html: boolean, io: Io): Promise<Written> {
  const name = basename(notebook, ".ipynb");
  const out = join(folder, `${name}.ipynb`);
  if (out === notebook) throw wouldOverwrite(notebook);
  const progress = createProgress(io.out);
  let run: NotebookRun;
  try {
    run = await runNotebook(notebook, {
      out,
      env: io.env,
      signal: io.stopSignal(),
      onCellStart: (step) => progress.cellStart(step),
      onOutput: (_step, output) => progress.output(output),
      onCellEnd: (result) => progress.cellEnd(result),
    });
  } finally {
    progress.end();
  }
  if (!html) return { run, page: null };
  const page = join(folder, `${name}.html`);
  await writeWhole(page, notebookPage(await readNotebook(run.path), name));
  return { run, page };
}

/** Labelled lines, values aligned; paths are shown from `io.cwd`. */
export function table(rows: readonly (readonly [label: string, value: string])[]): string {
  const width = Math.max(0, ...rows.map(([label]) => label.length));
  return rows.map(([label, value]) => `  ${label.padEnd(width)}  ${value}\n`).join("");
}

/** A path as a reader in `io.cwd` would type it. */
export function shownPath(path: string, io: Io): string {
  const short = relative(io.cwd, path);
  return short === "" || short.startsWith("..") ? path : short;
}
