/** What to call the code cells of a notebook. */
import { headings } from "./markdown.js";
import type { Cell } from "./notebook-file.js";

/** For each code cell the nearest heading above it; its first line of code where there is none. */
export function cellLabels(cells: readonly Cell[]): ReadonlyMap<Cell, string> {
  const labels = new Map<Cell, string>();
  let heading = "";
  for (const cell of cells) {
    if (cell.cell_type === "markdown") heading = headings(cell.source).at(-1) ?? heading;
    if (cell.cell_type === "code") labels.set(cell, heading || firstLine(cell.source));
  }
  return labels;
}

/** The first line that is neither blank nor a comment. */
export function firstLine(source: string): string {
  const all = source.split("\n").map((line) => line.trim());
  return all.find((line) => line !== "" && !line.startsWith("//")) ?? all.find((line) => line !== "") ?? "";
}
