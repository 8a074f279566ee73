/** Notebooks on disk: nbformat 4. */
import { readFile } from "node:fs/promises";
import { badNotebook } from "../core/errors.js";
import { writeWhole } from "./files.js";
import type { MimeBundle, Output } from "./outputs.js";

export interface CodeCell {
  readonly cell_type: "code";
  readonly id: string;
  readonly metadata: Record<string, unknown>;
  readonly source: string;
  execution_count: number | null;
  outputs: Output[];
}

export interface TextCell {
  readonly cell_type: "markdown" | "raw";
  readonly id: string;
  readonly metadata: Record<string, unknown>;
  readonly source: string;
  /** Images pasted into the cell, by name. */
  readonly attachments?: Readonly<Record<string, MimeBundle>>;
}

export type Cell = CodeCell | TextCell;

/** A notebook with every multi-line text joined and every cell with an id. */
export interface Notebook {
  readonly metadata: Record<string, unknown>;
  readonly cells: Cell[];
}

/**
 * Reads a notebook; outputs of code cells are kept.
 * @throws RagError `bad_notebook`
 */
export async function readNotebook(path: string): Promise<Notebook> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw badNotebook(path, `it can't be read (${(error as Error).message})`);
  }
  return parseNotebook(text, path);
}

/** {@link readNotebook} for text that is at hand; `path` is for messages. */
export function parseNotebook(text: string, path: string): Notebook {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw badNotebook(path, `it is no JSON (${(error as Error).message})`);
  }
  const { nbformat, metadata, cells } = asRecord(json);
  if (nbformat !== 4) throw badNotebook(path, `its nbformat is ${JSON.stringify(nbformat) ?? "missing"}`);
  if (!Array.isArray(cells)) throw badNotebook(path, "it has no list of cells");
  const ids = new Set<string>();
  return { metadata: asRecord(metadata), cells: cells.map((cell, i) => readCell(asRecord(cell), i, ids, path)) };
}

/** Writes a notebook, whole or not at all. */
export async function writeNotebook(path: string, notebook: Notebook): Promise<void> {
  await writeWhole(path, formatNotebook(notebook));
}

/** The text of a notebook's file as Jupyter writes it: nbformat 4.5, texts as lists of lines. */
export function formatNotebook(notebook: Notebook): string {
  const cells = notebook.cells.map((cell) => {
    const source = lines(cell.source);
    return cell.cell_type === "code"
      ? { ...cell, source, outputs: cell.outputs.map(writeOutput) }
      : { ...cell, source };
  });
  const json = { cells, metadata: notebook.metadata, nbformat: 4, nbformat_minor: 5 };
  return `${JSON.stringify(json, null, 1)}\n`;
}

function readCell(cell: Record<string, unknown>, index: number, ids: Set<string>, path: string): Cell {
  const type = cell.cell_type;
  const source = joined(cell.source);
  if (source === null) throw badNotebook(path, `cell ${index + 1} has no source`);
  const base = { id: cellId(cell.id, index, ids), metadata: asRecord(cell.metadata), source };
  if (type === "code") {
    const count = cell.execution_count;
    const outputs = Array.isArray(cell.outputs) ? cell.outputs.map((output) => readOutput(asRecord(output))) : [];
    return { cell_type: type, ...base, execution_count: typeof count === "number" ? count : null, outputs };
  }
  if (type !== "markdown" && type !== "raw")
    throw badNotebook(path, `cell ${index + 1} is neither code, markdown nor raw`);
  const attachments = cell.attachments;
  return {
    cell_type: type,
    ...base,
    ...(attachments ? { attachments: asRecord(attachments) as Record<string, MimeBundle> } : {}),
  };
}

/** The cell's own id where it is valid and unique, else one from its position. */
function cellId(given: unknown, index: number, ids: Set<string>): string {
  let id = typeof given === "string" && /^[A-Za-z0-9_-]{1,64}$/.test(given) ? given : `cell-${index + 1}`;
  while (ids.has(id)) id = `${id.slice(0, 62)}-x`;
  ids.add(id);
  return id;
}

function readOutput(output: Record<string, unknown>): Output {
  if (output.output_type === "stream") return { ...output, text: joined(output.text) ?? "" } as Output;
  if (output.data === undefined) return output as unknown as Output;
  const data = Object.entries(asRecord(output.data)).map(([mime, value]) => [
    mime,
    isJson(mime) ? value : joined(value),
  ]);
  return { ...output, data: Object.fromEntries(data) } as Output;
}

function writeOutput(output: Output): object {
  if (output.output_type === "stream") return { ...output, text: lines(output.text) };
  if (output.output_type === "error") return output;
  const data = Object.entries(output.data).map(([mime, value]) => [
    mime,
    typeof value === "string" && !isJson(mime) && value.includes("\n") ? lines(value) : value,
  ]);
  return { ...output, data: Object.fromEntries(data) };
}

function isJson(mime: string): boolean {
  return mime === "application/json" || mime.endsWith("+json");
}

function joined(text: unknown): string | null {
  if (typeof text === "string") return text;
  return Array.isArray(text) && text.every((line) => typeof line === "string") ? text.join("") : null;
}

function lines(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
