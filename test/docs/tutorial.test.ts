import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { runNotebook } from "../../dist/notebook/run.js";
import { readPage, root } from "./pages.ts";

/** The sample models stand in for the real ones, which no test can fetch. */
const standIns: Readonly<Record<string, string>> = {
  "bge-small-en-v1.5": "sample-dense",
  "enableRerank: false": 'rerank: "sample-rerank"',
};

/** Blocks of TypeScript in the part of the tutorial that makes one notebook. */
function tutorialCells(): string[] {
  const { text, blocks } = readPage("docs/tutorial.md");
  const end = text.slice(0, text.indexOf("## When documents change")).split("\n").length;
  return blocks
    .filter(({ language, line }) => language === "ts" && line < end)
    .map(({ code }) => Object.entries(standIns).reduce((cell, [real, sample]) => cell.replaceAll(real, sample), code));
}

test("the tutorial runs, cell by cell, in a real kernel", async () => {
  await mkdir(join(root, ".cache"), { recursive: true });
  const folder = await mkdtemp(join(root, ".cache", "docs-tutorial-"));
  try {
    await cp(join(root, "notebooks/sample/models"), join(folder, "models"), { recursive: true });
    await cp(join(root, "notebooks/sample/corpus/elsewhere"), join(folder, "documents"), { recursive: true });
    const cells = tutorialCells().map((source, i) => ({
      cell_type: "code",
      id: `cell-${i}`,
      metadata: {},
      execution_count: null,
      outputs: [],
      source,
    }));
    assert.ok(cells.length >= 8, `${cells.length} cells were found`);
    const notebook = join(folder, "search.ipynb");
    await writeFile(notebook, JSON.stringify({ cells, metadata: {}, nbformat: 4, nbformat_minor: 5 }));
    const run = await runNotebook(notebook, {
      out: join(folder, "done.ipynb"),
      cellTimeoutMs: 120_000,
      env: { ...process.env, CUDA_VISIBLE_DEVICES: "" },
    });
    assert.equal(run.failure, null);
    const manifest = JSON.parse(await readFile(join(folder, "collection/processing_summary.json"), "utf8"));
    assert.equal(manifest.schema_version, "v4.1");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
