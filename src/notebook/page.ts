/** An executed notebook as one self-contained HTML page. */
import { highlight } from "./highlight.js";
import { cellLabels } from "./labels.js";
import { headings, markdownHtml } from "./markdown.js";
import type { Cell, CodeCell, Notebook } from "./notebook-file.js";
import { outputHtml } from "./page-outputs.js";
import { PAGE_STYLE } from "./page-style.js";
import { escapeHtml, withoutHidden } from "./terminal.js";

/** Nothing is loaded and nothing runs, whatever an output holds. */
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; base-uri 'none'; form-action 'none'";

/**
 * The page: prose, code and outputs in the notebook's order, for light and dark
 * screens and for print. It needs no script and no network.
 * @param fallbackTitle for a notebook without a heading.
 */
export function notebookPage(notebook: Notebook, fallbackTitle: string): string {
  const labels = cellLabels(notebook.cells);
  const body = notebook.cells.map((cell) => cellHtml(cell, labels.get(cell) ?? "")).join("\n");
  return withoutHidden(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(pageTitle(notebook, fallbackTitle))}</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<main>
${body}
</main>
${footer(notebook)}
</body>
</html>
`);
}

function cellHtml(cell: Cell, name: string): string {
  if (cell.cell_type === "markdown") {
    return `<section class="prose">${markdownHtml(cell.source, cell.attachments)}</section>`;
  }
  if (cell.cell_type !== "code" || cell.source.trim() === "") return "";
  const outputs = cell.outputs.map(outputHtml).filter((html) => html !== "");
  const { status, seconds } = measured(cell);
  const label =
    cell.execution_count === null
      ? ""
      : `<span class="count" title="order of execution">${cell.execution_count}</span>`;
  const time = seconds === null ? "" : `<span class="time" title="time this cell took">${duration(seconds)}</span>`;
  return `<section class="cell${status === "error" ? " failed" : ""}" aria-label="${escapeHtml(name)}">
<div class="code">${label}${time}<pre><code>${highlight(cell.source, "typescript")}</code></pre></div>
${outputs.length > 0 ? `<div class="outputs">${outputs.join("\n")}</div>` : ""}
</section>`;
}

function measured(cell: CodeCell): { status: unknown; seconds: number | null } {
  const { status, seconds } = (cell.metadata.rag_cells ?? {}) as { status?: unknown; seconds?: unknown };
  return { status, seconds: typeof seconds === "number" ? seconds : null };
}

function footer(notebook: Notebook): string {
  const times = notebook.cells.flatMap((cell) => (cell.cell_type === "code" ? (measured(cell).seconds ?? []) : []));
  if (times.length === 0) return "";
  const total = times.reduce((sum, seconds) => sum + seconds, 0);
  return `<footer>${times.length} ${times.length === 1 ? "cell" : "cells"} executed in ${duration(total)}</footer>`;
}

function pageTitle(notebook: Notebook, fallback: string): string {
  for (const cell of notebook.cells) {
    const heading = cell.cell_type === "markdown" ? headings(cell.source)[0] : undefined;
    if (heading) return heading;
  }
  return fallback;
}

function duration(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  return seconds < 100 ? `${seconds.toFixed(1)} s` : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
