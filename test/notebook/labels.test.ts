import assert from "node:assert/strict";
import { test } from "node:test";
import { cellLabels, firstLine } from "../../dist/notebook/labels.js";
import { parseNotebook } from "../../dist/notebook/notebook-file.js";

const markdown = (source: string) => ({ cell_type: "markdown", source });
const code = (source: string) => ({ cell_type: "code", source, outputs: [], execution_count: null });

function labels(...cells: object[]): string[] {
  const full = cells.map((cell) => ({ metadata: {}, ...cell }));
  const notebook = parseNotebook(JSON.stringify({ nbformat: 4, metadata: {}, cells: full }), "test.ipynb");
  return [...cellLabels(notebook.cells).values()];
}

test("a cell is called by the nearest heading above it, else by its first line", () => {
  const named = labels(
    code("\n// open\nconst a = 1;\na"),
    markdown("# All\n\ntext\n\n## Dense *pass* with `bm25` & [links](https://example.org)\n"),
    code("dense"),
    markdown("no heading here\n\n```sh\n# a comment\n```\n\n#hash"),
    code("more"),
    markdown("Underlined\n==========\n\n##"),
    code("last"),
  );
  assert.deepEqual(named, [
    "const a = 1;",
    "Dense pass with bm25 & links",
    "Dense pass with bm25 & links",
    "Underlined",
  ]);
});

test("the first line of a cell of comments is its first comment", () => {
  assert.equal(firstLine("\n // one\n// two"), "// one");
  assert.equal(firstLine("\n"), "");
});
