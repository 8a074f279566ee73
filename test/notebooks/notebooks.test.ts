import assert from "node:assert/strict";
import { cp, mkdir, readdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { runNotebook } from "../../dist/notebook/run.js";
import { root, sampleCorpus, scratch } from "../lib/sample.ts";

/**
 * A checkout's shape in a temporary folder, so that the notebooks' own `../out` is not touched. It has a part of the
 * sample's corpus: whether cells run does not depend on how much there is, and `journey/sample.test.ts` computes all of it.
 */
let place = "";
const unread = ["formats", "notebooks", "rag-cells", "retrieval", "runtime"].map((name) => join(sampleCorpus, name));
const names = (await readdir(join(root, "notebooks"))).filter((name) => name.endsWith(".ipynb"));
const stages = names.filter((name) => name !== "journey.ipynb").sort();

before(async () => {
  place = await scratch("notebooks");
  await cp(join(root, "notebooks"), join(place, "notebooks"), {
    recursive: true,
    filter: (source) => !source.includes(".ipynb_checkpoints") && !unread.includes(source),
  });
  await symlink(join(root, "node_modules"), join(place, "node_modules"));
  await mkdir(join(place, "executed"));
});

async function run(name: string) {
  return runNotebook(join(place, "notebooks", name), { out: join(place, "executed", name) });
}

/** All that a cell sent, as text. */
function sent(cell: { readonly outputs: readonly unknown[] }): string {
  return JSON.stringify(cell.outputs);
}

test("notebooks are committed without outputs, with at most 8 code cells", async () => {
  assert.deepEqual(names, [
    "10-prime.ipynb",
    "20-chunk.ipynb",
    "30-dense.ipynb",
    "40-sparse.ipynb",
    "50-fuse.ipynb",
    "60-rerank.ipynb",
    "70-export.ipynb",
    "80-keep.ipynb",
    "journey.ipynb",
  ]);
  for (const name of names) {
    const { cells } = JSON.parse(await readFile(join(root, "notebooks", name), "utf8"));
    const code = cells.filter((cell: { cell_type: string }) => cell.cell_type === "code");
    assert.ok(code.length <= 8, `${name}: ${code.length}`);
    for (const cell of code) assert.deepEqual([cell.outputs, cell.execution_count], [[], null], name);
  }
});

test("the journey runs in the real kernel, every stage shows its card", async () => {
  const { cells, failure } = await run("journey.ipynb");
  assert.equal(failure, null);
  for (const cell of cells.slice(0, -1)) assert.match(sent(cell), /data:image\/svg\+xml/, cell.firstLine);
});

for (const name of stages) {
  test(`${name} runs in a kernel of its own, and reuses what the journey made`, async () => {
    const { cells, failure } = await run(name);
    assert.equal(failure, null);
    assert.ok(
      cells.every((cell) => cell.outputs.length > 0),
      "every cell shows something",
    );
    const all = cells.map(sent).join();
    assert.match(all, /data:image\/svg\+xml/);
    const stage = name.slice("10-".length, -".ipynb".length);
    if (stage !== "keep") assert.match(all, new RegExp(`${stage}-[0-9a-f]{16} · (verified · )?reused`));
  });
}
