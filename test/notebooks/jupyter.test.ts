import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { writeKernelSpec } from "../../dist/notebook/kernelspec.js";
import { lacking, python } from "../lib/python.ts";
import { root, scratch } from "../lib/sample.ts";

interface Cell {
  readonly status: string;
  readonly text: string;
  readonly displayed: readonly (readonly string[])[];
  readonly seconds: number | null;
}

test("Jupyter's own client drives the kernel: no line is lost, a card comes, Stop leaves all alive", {
  skip: lacking("jupyter_client"),
}, async (t) => {
  const data = join(await scratch("jupyter"), "share/jupyter");
  await writeKernelSpec(data);
  const { stdout, stderr, status } = spawnSync(
    python,
    [join(root, "test/python/drive_kernel.py"), join(root, "notebooks")],
    {
      encoding: "utf8",
      timeout: 180_000,
      env: { ...process.env, JUPYTER_PATH: data, RAG_CELLS_TEST_OUT: await scratch("jupyter-out") },
    },
  );
  assert.equal(status, 0, stderr);
  const { lines, card, stop, after } = JSON.parse(stdout) as { lines: number; card: Cell; stop: Cell; after: Cell };
  assert.equal(lines, 5000);
  assert.equal(card.status, "ok");
  assert.ok(card.displayed.some((types) => types.includes("text/html")));
  assert.equal(stop.status, "error");
  t.diagnostic(`the cell ended ${((stop.seconds as number) * 1000).toFixed(0)} ms after Stop, by jupyter_client`);
  // The client polls five times a second, and a child that the signal reaches dies of nothing else.
  assert.ok((stop.seconds as number) < 1);
  assert.equal(after.status, "ok");
  assert.match(after.text, /^\d+\n$/);
});
