/** Runs a notebook cell by cell in a real kernel, without Python. */
import { dirname, resolve } from "node:path";
import { cellFailed, RagError } from "../core/errors.js";
import { type Kernel, startKernel } from "./kernel.js";
import { KERNEL_NAME, kernelSpec } from "./kernelspec.js";
import { cellLabels, firstLine } from "./labels.js";
import { type CodeCell, readNotebook, writeNotebook } from "./notebook-file.js";
import type { Output } from "./outputs.js";

/** A cell that is about to run, or has run. */
export interface CellStep {
  /** 1-based, counting code cells with code. */
  readonly number: number;
  readonly of: number;
  /** First line that is neither blank nor a comment. */
  readonly firstLine: string;
  /** The nearest heading above the cell; its first line where there is none. */
  readonly label: string;
}

/** How one code cell went. */
export interface CellResult extends CellStep {
  readonly status: "ok" | "error" | "not run";
  readonly seconds: number;
  readonly outputs: readonly Output[];
}

export interface NotebookRun {
  /** The executed notebook. */
  readonly path: string;
  readonly cells: readonly CellResult[];
  /** Wall-clock seconds, the kernel's start included. */
  readonly seconds: number;
  /** Seconds from starting the kernel until it answered. */
  readonly startSeconds: number;
  /** Names the cell and what it failed with; null where all cells ran. */
  readonly failure: string | null;
}

export interface RunOptions {
  /** Where the executed notebook goes; it is written after every cell. */
  readonly out: string;
  /** The kernel's working directory: the notebook's own folder by default, as in Jupyter. */
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly onCellStart?: (step: CellStep) => void;
  readonly onOutput?: (step: CellStep, output: Output) => void;
  readonly onCellEnd?: (result: CellResult) => void;
  /** Milliseconds a cell may take; without limit by default. */
  readonly cellTimeoutMs?: number;
  /** Interrupts the running cell, which then counts as failed. */
  readonly signal?: AbortSignal;
}

/** How long after the last cell a late error still counts. */
const LATE_ERRORS_MS = 100;

/**
 * Runs a notebook up to its first failing cell (one tagged `raises-exception`
 * may fail, as in Jupyter). The executed notebook is written in any case.
 * @throws RagError `bad_notebook`, and what `startKernel` throws
 */
export async function runNotebook(path: string, options: RunOptions): Promise<NotebookRun> {
  const began = performance.now();
  const notebook = await readNotebook(path);
  const code = notebook.cells.filter((cell) => cell.cell_type === "code");
  for (const cell of code) {
    cell.outputs = [];
    cell.execution_count = null;
  }
  const work = code.filter((cell) => cell.source.trim() !== "");
  const labels = cellLabels(notebook.cells);
  const cells: CellResult[] = [];
  let failure: string | null = null;
  const kernel = await startKernel({
    cwd: options.cwd ?? dirname(resolve(path)),
    ...(options.env ? { env: options.env } : {}),
  });
  const startSeconds = (performance.now() - began) / 1000;
  const stop = () => kernel.interrupt();
  options.signal?.addEventListener("abort", stop);
  notebook.metadata.kernelspec = { name: KERNEL_NAME, display_name: kernelSpec().display_name, language: "typescript" };
  notebook.metadata.language_info = kernel.languageInfo;
  try {
    for (const [index, cell] of work.entries()) {
      const line = firstLine(cell.source);
      const step = { number: index + 1, of: work.length, firstLine: line, label: labels.get(cell) ?? line };
      if (failure !== null || options.signal?.aborted) {
        failure ??= cellFailed(path, step.number, step.of, step.firstLine, "Stopped before it ran.");
        cells.push({ ...step, status: "not run", seconds: 0, outputs: [] });
        continue;
      }
      options.onCellStart?.(step);
      const { text, seconds } = await runCell(kernel, cell, step, index === work.length - 1, options);
      const result = {
        ...step,
        status: text === null ? ("ok" as const) : ("error" as const),
        seconds,
        outputs: cell.outputs,
      };
      cells.push(result);
      if (text !== null && !mayFail(cell)) failure = cellFailed(path, step.number, step.of, step.firstLine, text);
      cell.metadata.rag_cells = { status: result.status, seconds: Math.round(seconds * 1000) / 1000 };
      await writeNotebook(options.out, notebook);
      options.onCellEnd?.(result);
    }
    await writeNotebook(options.out, notebook);
  } finally {
    options.signal?.removeEventListener("abort", stop);
    await kernel.shutdown();
  }
  return { path: options.out, cells, seconds: (performance.now() - began) / 1000, startSeconds, failure };
}

async function runCell(
  kernel: Kernel,
  cell: CodeCell,
  step: CellStep,
  last: boolean,
  options: RunOptions,
): Promise<{ text: string | null; seconds: number }> {
  const began = performance.now();
  // Held by the notebook while it grows, so that a kernel's death loses none of it.
  const onOutput = (output: Output) => options.onOutput?.(step, output);
  const timeout = options.cellTimeoutMs === undefined ? {} : { timeoutMs: options.cellTimeoutMs };
  try {
    const execution = await kernel.execute(cell.source, { outputs: cell.outputs, onOutput, ...timeout });
    cell.execution_count = execution.executionCount;
    const late = last && execution.failure === null ? await kernel.settle(LATE_ERRORS_MS) : null;
    return { text: execution.failure ?? late, seconds: execution.seconds };
  } catch (error) {
    if (!(error instanceof RagError)) throw error;
    return { text: error.message, seconds: (performance.now() - began) / 1000 };
  }
}

function mayFail(cell: CodeCell): boolean {
  const tags = cell.metadata.tags;
  return Array.isArray(tags) && tags.includes("raises-exception");
}
