/** What nbformat 4.5's schema asks of a notebook, as far as this project writes it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

type Json = Record<string, unknown>;

/** Fails where a file is no valid nbformat 4.5. */
export function assertNotebook(path: string): { cells: Json[]; metadata: Json } {
  const notebook = JSON.parse(readFileSync(path, "utf8")) as Json;
  assert.deepEqual(Object.keys(notebook).sort(), ["cells", "metadata", "nbformat", "nbformat_minor"]);
  assert.equal(notebook.nbformat, 4);
  assert.equal(notebook.nbformat_minor, 5);
  const { kernelspec } = notebook.metadata as { kernelspec: Json };
  assert.ok(kernelspec.name && kernelspec.display_name, "kernelspec has a name and a display name");
  const cells = notebook.cells as Json[];
  const ids = cells.map((cell) => cell.id);
  assert.equal(new Set(ids).size, ids.length, "cell ids are unique");
  for (const cell of cells) assertCell(cell);
  return { cells, metadata: notebook.metadata as Json };
}

function assertCell(cell: Json): void {
  assert.match(String(cell.id), /^[a-zA-Z0-9-_]{1,64}$/);
  assertText(cell.source);
  assert.equal(typeof cell.metadata, "object");
  const keys = Object.keys(cell)
    .filter((key) => key !== "attachments")
    .sort();
  if (cell.cell_type !== "code") {
    assert.ok(cell.cell_type === "markdown" || cell.cell_type === "raw");
    assert.deepEqual(keys, ["cell_type", "id", "metadata", "source"]);
    return;
  }
  assert.deepEqual(keys, ["cell_type", "execution_count", "id", "metadata", "outputs", "source"]);
  assert.ok(cell.execution_count === null || Number.isInteger(cell.execution_count));
  for (const output of cell.outputs as Json[]) assertOutput(output);
}

function assertOutput(output: Json): void {
  const keys = Object.keys(output).sort();
  if (output.output_type === "stream") {
    assert.deepEqual(keys, ["name", "output_type", "text"]);
    assertText(output.text);
  } else if (output.output_type === "display_data") {
    assert.deepEqual(keys, ["data", "metadata", "output_type"]);
    for (const [mime, value] of Object.entries(output.data as Json)) if (!mime.endsWith("json")) assertText(value);
  } else {
    assert.fail(`output type ${String(output.output_type)}`);
  }
}

function assertText(text: unknown): void {
  assert.ok(typeof text === "string" || (Array.isArray(text) && text.every((line) => typeof line === "string")));
}
