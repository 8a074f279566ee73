import assert from "node:assert/strict";
import { globSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Kernel, startKernel } from "../../dist/notebook/kernel.js";
import { inferenceProcesses, until } from "../lib/processes.ts";
import { root, scratch } from "../lib/sample.ts";

/** One kernel for all: what a test leaves behind in it is a session of its own. */
let kernel: Kernel;
before(async () => {
  kernel = await startKernel({ cwd: join(root, "notebooks") });
});
after(() => kernel.shutdown());

/** Small batches, so that the pass is long enough to be stopped. */
const open = (dir: string) => `import * as rag from "rag-cells";
const session = await rag.openSession({ name: "stop", dir: ${JSON.stringify(dir)}, modelDirs: ["sample/models"], dense: ["sample-dense"], sparse: ["bm25"], rerank: "sample-rerank", device: "cpu", threads: 1, tokenBudget: 1 });
const chunks = await rag.chunk(session, { files: "sample/corpus/{elsewhere,formats,retrieval}/*.md" });`;

/** Bytes journaled so far: a pass is stopped once it has done something, however fast the machine is. */
function journaled(dir: string): number {
  return globSync(join(dir, "stop/runs/dense/*/*.journal")).reduce((bytes, path) => bytes + statSync(path).size, 0);
}

async function printed(code: string): Promise<string> {
  let text = "";
  const { failure } = await kernel.execute(code, {
    onOutput: (output) => {
      if (output.output_type === "stream") text += output.text;
    },
  });
  assert.equal(failure, null, code);
  return text.trim();
}

test("Stop in a real kernel, twice: the cell ends at once, the kernel and its state live, and the cell goes on", async (t) => {
  const dir = await scratch("stop");
  await printed(open(dir));
  const total = Number(await printed("console.log(chunks.count)"));
  let resumed = 0;
  let fastest = Number.POSITIVE_INFINITY;
  for (let round = 1; round <= 2; round++) {
    const before = journaled(dir);
    const running = kernel.execute("const dense = await rag.runDense(session, chunks);");
    await until(() => inferenceProcesses(kernel.pid)[0], "the inference process");
    await until(() => (journaled(dir) > before + 10_000 ? true : null), "some batches");
    const pressed = performance.now();
    kernel.interrupt();
    const { status } = await running;
    const took = performance.now() - pressed;
    assert.equal(status, "error", "it was stopped before it was done");
    fastest = Math.min(fastest, took);
    t.diagnostic(`round ${round}: the cell ended ${took.toFixed(0)} ms after Stop`);
    await until(() => (inferenceProcesses(kernel.pid).length === 0 ? true : null), "the process to end", 2000);
    assert.equal(Number(await printed("console.log(chunks.count)")), total, "names of earlier cells are still there");
  }
  // What else the machine does makes it slower, never faster.
  assert.ok(fastest < 300, `${fastest.toFixed(0)} ms`);
  const outcome = await printed(
    "const dense = await rag.runDense(session, chunks); console.log(JSON.stringify([dense.count, dense.resumedBatches]))",
  );
  const [count, batches] = JSON.parse(outcome.split("\n").at(-1) as string) as [number, number];
  assert.equal(count, total);
  resumed = batches;
  assert.ok(resumed > 0);
});

test("a crash in a real kernel names stage, model and batch, and the kernel lives", async () => {
  await printed(open(await scratch("crash")));
  const running = kernel.execute("const dense = await rag.runDense(session, chunks);");
  const pid = await until(() => inferenceProcesses(kernel.pid)[0], "the inference process");
  await new Promise((resolve) => setTimeout(resolve, 200));
  process.kill(pid, "SIGKILL");
  const { failure } = await running;
  assert.match(failure ?? "", /in the dense stage, model "sample-dense", with \d+ of \d+ rows done/);
  assert.equal(await printed("console.log(session.name)"), "stop");
});
