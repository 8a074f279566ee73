import type { Output } from "../notebook/outputs.js";
import type { CellResult, CellStep } from "../notebook/run.js";
import { lastLine } from "../notebook/terminal.js";

/** Shows how far a notebook is: one line that changes on a terminal, one line a cell elsewhere. */
export interface Progress {
  cellStart(step: CellStep): void;
  output(output: Output): void;
  cellEnd(result: CellResult): void;
  /** Leaves the terminal's line empty. */
  end(): void;
}

/** Often enough for a clock, seldom enough for a slow terminal. */
const REFRESH_MS = 200;

/** Letters of a cell's label on a terminal, so that what the cell says has the larger part of 80. */
const LONGEST_LABEL = 24;

export function createProgress(out: NodeJS.WriteStream): Progress {
  return out.isTTY ? liveLine(out) : plainLines(out);
}

function plainLines(out: NodeJS.WriteStream): Progress {
  return {
    cellStart: () => {},
    output: () => {},
    cellEnd: (r) => {
      out.write(`cell ${r.number} of ${r.of}  ${r.seconds.toFixed(1)} s  ${r.status}  ${lastLine(r.label)}\n`);
    },
    end: () => {},
  };
}

function liveLine(out: NodeJS.WriteStream): Progress {
  const began = performance.now();
  let head = "starting the kernel";
  let news = "";
  const draw = () => {
    const line = `${head}  ${((performance.now() - began) / 1000).toFixed(0)} s  ${news}`;
    out.write(`\r\u001b[2K${shortened(line, (out.columns || 80) - 1)}`);
  };
  const timer = setInterval(draw, REFRESH_MS);
  timer.unref();
  draw();
  return {
    cellStart: (step) => {
      head = `cell ${step.number} of ${step.of}  ${shortened(lastLine(step.label), LONGEST_LABEL)}`;
      news = "";
    },
    output: (output) => {
      news = progressText(output) || news;
    },
    cellEnd: () => {},
    end: () => {
      clearInterval(timer);
      out.write("\r\u001b[2K");
    },
  };
}

function shortened(text: string, most: number): string {
  const letters = [...text];
  return letters.length <= most ? text : `${letters.slice(0, most - 1).join("")}…`;
}

/** The last line of what an output says, or nothing. */
export function progressText(output: Output): string {
  if (output.output_type === "stream") return output.name === "stdout" ? lastLine(output.text) : "";
  if (output.output_type === "error") return "";
  const text = output.data["text/plain"];
  return typeof text === "string" ? lastLine(text) : "";
}
