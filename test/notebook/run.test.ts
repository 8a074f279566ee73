import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type CellStep, runNotebook } from "../../dist/notebook/run.js";
import { lacking, python } from "../lib/python.ts";
import { assertNotebook } from "./nbformat.ts";

const folder = mkdtempSync(join(tmpdir(), "run-"));
after(() => rmSync(folder, { recursive: true }));
const fixture = (name: string) => join(import.meta.dirname, "fixtures", name);

test("a notebook runs in order and is written as valid nbformat 4.5, without its stale outputs", async (t) => {
  const out = join(folder, "deep", "tour.ipynb");
  const started: CellStep[] = [];
  const run = await runNotebook(fixture("tour.ipynb"), { out, onCellStart: (step) => started.push(step) });
  assert.equal(run.failure, null);
  assert.deepEqual(
    started.map((step) => `${step.number}/${step.of} ${step.firstLine}`),
    [
      '1/4 const words: string[] = ["one", "two"];',
      '2/4 import { display, newDisplay } from "tslab";',
      '3/4 throw new Error("as announced");',
      `4/4 display.html("<p>card</p><svg width='10' height='10'><circle r='4' cx='5' cy='5'/></svg>");`,
    ],
  );
  assert.deepEqual(new Set(started.map((step) => step.label)), new Set(["A small tour"]));
  assert.deepEqual(
    run.cells.map((cell) => cell.status),
    ["ok", "ok", "error", "ok"],
    "a tagged cell may fail",
  );
  const { cells, metadata } = assertNotebook(out);
  assert.equal((metadata.kernelspec as { name: string }).name, "rag-cells-typescript");
  assert.deepEqual(
    cells.map((cell) => cell.execution_count),
    [undefined, 1, null, 2, 3, 4],
  );
  assert.deepEqual(cells[1]?.outputs, [{ output_type: "stream", name: "stdout", text: ["one two\n", "2\n"] }]);
  assert.deepEqual(
    (cells[3] as { outputs: { data: object }[] }).outputs.map((output) => output.data),
    [{ "text/plain": "done, reused" }],
    "a later cell's update reaches the file",
  );
  await t.test("Python's nbformat agrees", { skip: lacking("nbformat") }, () => {
    const check = `import nbformat, sys; nbformat.validate(nbformat.read(sys.argv[1], as_version=4))`;
    const { status, stderr } = spawnSync(python, ["-W", "error", "-c", check, out], { encoding: "utf8" });
    assert.equal(status, 0, stderr);
  });
});

test("a run stops at the first failing cell, names it, and keeps what was done", async () => {
  const out = join(folder, "fails.ipynb");
  const run = await runNotebook(fixture("fails.ipynb"), { out });
  assert.match(String(run.failure), /fails\.ipynb" stopped at code cell 2 of 3, "const chunks: number = /);
  assert.match(String(run.failure), /1:7 - Type 'string' is not assignable to type 'number'\.$/);
  assert.deepEqual(
    run.cells.map((cell) => cell.status),
    ["ok", "error", "not run"],
  );
  const { cells } = assertNotebook(out);
  assert.deepEqual(
    cells.map((cell) => (cell.outputs as unknown[]).length),
    [1, 1, 0],
  );
  assert.doesNotMatch(readFileSync(out, "utf8"), /"never/);
});

test("a rejection that nobody waits for fails the run, even after the last cell", async () => {
  const run = await runNotebook(fixture("late-rejection.ipynb"), { out: join(folder, "late.ipynb") });
  assert.match(String(run.failure), /UnhandledPromiseRejection: Error: nobody waited/);
  assert.equal(run.cells[0]?.status, "error");
});

test("a kernel that dies in a cell fails that cell; its output so far is in the written notebook", async () => {
  const out = join(folder, "dies.ipynb");
  const run = await runNotebook(fixture("dies.ipynb"), { out });
  assert.match(String(run.failure), /code cell 1 of 2, .*:\nThe kernel's process ended \(SIGKILL\)/);
  const { cells } = assertNotebook(out);
  assert.match(JSON.stringify(cells[0]?.outputs), /said before the end/);
});

test("a stop interrupts the running cell and the notebook is still written", async () => {
  const out = join(folder, "stopped.ipynb");
  const stop = new AbortController();
  const run = await runNotebook(fixture("tour.ipynb"), { out, signal: stop.signal, onCellEnd: () => stop.abort() });
  assert.match(String(run.failure), /code cell 2 of 4.*\nStopped before it ran/s);
  assert.deepEqual(
    run.cells.map((cell) => cell.status),
    ["ok", "not run", "not run", "not run"],
  );
  assertNotebook(out);
});

test("a file that is no notebook is refused before a kernel is started", async () => {
  const refused = (path: string, message: RegExp) =>
    assert.rejects(runNotebook(path, { out: join(folder, "x.ipynb") }), { code: "bad_notebook", message });
  await refused(join(folder, "missing.ipynb"), /can't be read.*ENOENT/);
  await refused(import.meta.filename, /is no JSON/);
  await refused(join(import.meta.dirname, "..", "..", "package.json"), /its nbformat is missing/);
});
