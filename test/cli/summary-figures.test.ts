import assert from "node:assert/strict";
import { test } from "node:test";
import { reusedCells } from "../../dist/cli/summary-figures.js";
import type { CellResult } from "../../dist/notebook/run.js";

function cell(...texts: string[]): CellResult {
  const outputs = texts.map((text) => ({
    output_type: "display_data" as const,
    data: { "text/plain": text },
    metadata: {},
  }));
  return { number: 1, of: 1, firstLine: "", label: "", status: "ok", seconds: 0, outputs };
}

test("a reused cell is one that shows the card of a reused run, once however often it shows it", () => {
  const card = "dense run dense-1abb7734457ee089 · reused · sample model\n  Chunks  455";
  const line = "dense run dense-1abb7734457ee089 · reused · sample model\n";
  assert.equal(reusedCells([cell(card, line), cell("export run export-3e0ae252b5191b98 · verified · reused")]), 2);
});

test("other words about reuse are no reused stage", () => {
  const history = "history\n  Calls  2\n  2026-11-20 20:47:18 · prime · reused · – · prime-7be3f2d209b50c5a";
  const computed = "dense run dense-1abb7734457ee089 · resumed 3 batches";
  assert.equal(reusedCells([cell(history), cell(computed), cell("nothing was reused"), cell("done, reused")]), 0);
});
