import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, readdir, readFile, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { before, test } from "node:test";
import { quantile } from "../../dist/core/stats.js";
import * as rag from "../../dist/index.js";
import { journaledBytes } from "../lib/journals.ts";
import { inferenceProcesses, until } from "../lib/processes.ts";
import { corpusOf, modelsCopy, sampleOptions, scratch, smallCorpus } from "../lib/sample.ts";
import { watchHolding } from "../runtime/lib/lateness.ts";

const index = resolve(import.meta.dirname, "../../dist/index.js");
/** Small batches, so that there are many to be interrupted between. */
const options = (dir: string) => sampleOptions(dir, { tokenBudget: 160 });
let files = "";
let undisturbed: Buffer;
/** Holds the session that computed them. */
let made = "";

/** A folder with a copy of that session. */
async function copyOfMade(name: string): Promise<string> {
  const dir = await scratch(name);
  await cp(made, dir, { recursive: true });
  return dir;
}

/** The stage's journal while it grows. */
async function journalOf(dir: string): Promise<{ path: string; bytes: number } | null> {
  const stage = join(dir, "test/runs/dense");
  for (const run of await readdir(stage).catch(() => [])) {
    if (!run.endsWith(".partial")) continue;
    const path = join(stage, run, "sample-dense.journal");
    const bytes = await journaledBytes(path);
    if (bytes > 0) return { path, bytes };
  }
  return null;
}

const vectorsOf = (run: rag.DenseRun) => readFile(join(run.dir, run.vectors[0]?.file as string));

before(async () => {
  const documents: Record<string, string> = {};
  for (let d = 0; d < 20; d++) {
    const sections = Array.from(
      { length: 12 },
      (_, s) =>
        `## Part ${s}\n\n${`Sentence ${d} of part ${s} about tides, bread and ranks. `.repeat(1 + ((d * 7 + s) % 9))}\n`,
    );
    documents[`d${d}.md`] = `# Document ${d}\n\n${sections.join("\n")}`;
  }
  files = join(await corpusOf(documents), "*.md");
  made = await scratch("undisturbed");
  const session = await rag.openSession(options(made));
  const run = await rag.runDense(session, await rag.chunk(session, { files }));
  undisturbed = await vectorsOf(run);
  assert.ok(run.telemetry.batches.length > 60);
  session.close();
});

test("the inference process is killed: the error names stage, model and batch; the cell run again goes on", async () => {
  const dir = await scratch("crash");
  const session = await rag.openSession(options(dir));
  const chunks = await rag.chunk(session, { files });
  const running = rag.runDense(session, chunks);
  running.catch(() => {});
  await until(async () => ((await journalOf(dir))?.bytes ?? 0) > 5000 || null, "some batches");
  for (const pid of inferenceProcesses()) process.kill(pid, "SIGKILL");
  const error = await running.then(
    () => assert.fail("it finished too soon"),
    (e: rag.RagError) => e,
  );
  assert.equal(error.code, "inference_process_died");
  assert.match(error.message, /dense stage, model "sample-dense", with \d+ of \d+ rows done/);
  const run = await rag.runDense(session, chunks);
  assert.ok(run.resumedBatches > 0 && !run.reused);
  assert.ok((await vectorsOf(run)).equals(undisturbed), "byte-identical to an undisturbed run");
  session.close();
});

test("Stop: the cell rejects at once, the process is gone, and the cell run again goes on", async () => {
  const dir = await scratch("stop");
  const session = await rag.openSession(options(dir));
  const chunks = await rag.chunk(session, { files });
  const running = rag.runDense(session, chunks);
  running.catch(() => {});
  await until(async () => ((await journalOf(dir))?.bytes ?? 0) > 5000 || null, "some batches");
  const pressed = performance.now();
  process.kill(process.pid, "SIGINT");
  const error = await running.then(
    () => assert.fail("it finished too soon"),
    (e: rag.RagError) => e,
  );
  const took = performance.now() - pressed;
  assert.equal(error.code, "stopped");
  assert.match(error.message, /\d+ of \d+ rows done.*run the cell again/);
  assert.ok(took < 1000, `${took.toFixed(0)} ms`);
  await until(() => (inferenceProcesses().length === 0 ? true : null), "the process to end", 2000);
  const run = await rag.runDense(session, chunks);
  assert.ok(run.resumedBatches > 0);
  assert.ok((await vectorsOf(run)).equals(undisturbed));
  session.close();
});

test("kill -9 of the notebook's process at several points: the next one goes on, and at most one batch is computed again", async (t) => {
  for (const bytes of [2_000, 20_000, 50_000]) {
    const dir = await scratch("kill");
    const script = `import(${JSON.stringify(index)}).then(async (rag) => {
      const session = await rag.openSession(${JSON.stringify(options(dir))});
      await rag.runDense(session, await rag.chunk(session, { files: ${JSON.stringify(files)} }));
    })`;
    const child = spawn(process.execPath, ["-e", script], { stdio: "inherit" });
    const killedAt = await until(async () => {
      const journal = await journalOf(dir);
      return journal && journal.bytes > bytes ? journal : null;
    }, "the journal to grow");
    child.kill("SIGKILL");
    await once(child, "exit");
    const session = await rag.openSession(options(dir));
    const run = await rag.runDense(session, await rag.chunk(session, { files }));
    assert.ok(run.resumedBatches > 0, `after ${killedAt.bytes} bytes`);
    assert.equal(run.telemetry.batches.length, new Set(run.telemetry.batches.map((batch) => batch.index)).size);
    assert.ok((await vectorsOf(run)).equals(undisturbed));
    t.diagnostic(
      `killed with ${killedAt.bytes} bytes journaled: ${run.resumedBatches} of ${run.telemetry.batches.length} batches kept`,
    );
    session.close();
  }
});

test("a pass that goes on keeps the plan it began with, also under another token budget", async () => {
  const dir = await scratch("budget");
  const session = await rag.openSession(options(dir));
  const chunks = await rag.chunk(session, { files });
  const running = rag.runDense(session, chunks);
  running.catch(() => {});
  await until(async () => ((await journalOf(dir))?.bytes ?? 0) > 5000 || null, "some batches");
  process.kill(process.pid, "SIGINT");
  await assert.rejects(running, { code: "stopped" });
  session.close();
  const wider = await rag.openSession({ ...options(dir), tokenBudget: 4096 });
  const run = await rag.runDense(wider, chunks);
  assert.ok(run.resumedBatches > 0);
  assert.ok(run.telemetry.batches.length > 60, "the batches of the first budget");
  assert.ok((await vectorsOf(run)).equals(undisturbed));
  wider.close();
});

test("what decides a vector decides the run's id: pooling, prefixes and limits of a model's row", async () => {
  const dir = await scratch("row");
  const files = join(await corpusOf(smallCorpus), "**/*.md");
  const folder = await modelsCopy();
  // It says how the model pools, and a row that says otherwise would be refused.
  await rm(join(folder, "rag-cells-sample-dense/1_Pooling"), { recursive: true });
  await rm(join(folder, "models.lock.json"));
  const options = (dir: string) => sampleOptions(dir, { modelDirs: [folder] });
  const row = rag.listModels().find(({ key }) => key === "sample-dense") as rag.ModelCard;
  const ids = new Set<string>();
  for (const change of [{}, { pooling: "cls" }, { documentPrefix: "passage: " }, { maxTokens: 100 }] as const) {
    const session = await rag.openSession({ ...options(dir), addModels: [{ ...row, ...change }] });
    ids.add((await rag.runDense(session, await rag.chunk(session, { files }))).id);
    session.close();
  }
  assert.equal(ids.size, 4);
  const asking = await rag.openSession({ ...options(dir), addModels: [{ ...row, queryPrefix: "query: " }] });
  const dense = await rag.runDense(asking, await rag.chunk(asking, { files }));
  assert.ok(dense.reused && ids.has(dense.id), "a query's prefix does not touch the documents");
  const plain = await rag.fuse(asking, rag.queries(["tides"]), [dense]);
  asking.close();
  const session = await rag.openSession(options(dir));
  const again = await rag.runDense(session, await rag.chunk(session, { files }));
  const other = await rag.fuse(session, rag.queries(["tides"]), [again]);
  assert.notEqual(plain.id, other.id, "it decides what is found");
  session.close();
  const pooled = await rag.openSession({ ...options(dir), addModels: [{ ...row, pooling: "cls" }] });
  await assert.rejects(rag.fuse(pooled, rag.queries(["bread"]), [again]), { code: "model_changed" });
  pooled.close();
});

test("rerun computes again, from nothing, and gives the same bytes", async () => {
  const session = await rag.openSession(options(await copyOfMade("rerun")));
  const chunks = await rag.chunk(session, { files });
  const first = await rag.runDense(session, chunks);
  const again = await rag.runDense(session, chunks, { rerun: true });
  assert.equal(again.id, first.id);
  assert.ok(!again.reused && again.resumedBatches === 0);
  assert.ok((await vectorsOf(again)).equals(undisturbed));
  session.close();
});

test("a stopped rerun goes on when its cell is run again, and the old run stays until then", async () => {
  const dir = await copyOfMade("stopped-rerun");
  const session = await rag.openSession(options(dir));
  const chunks = await rag.chunk(session, { files });
  const first = await rag.runDense(session, chunks);
  const running = rag.runDense(session, chunks, { rerun: true });
  running.catch(() => {});
  await until(async () => ((await journalOf(dir))?.bytes ?? 0) > 5000 || null, "some batches");
  process.kill(process.pid, "SIGINT");
  await assert.rejects(running, { code: "stopped" });
  assert.ok((await rag.runDense(session, chunks)).reused, "without rerun the finished run is still there");
  const again = await rag.runDense(session, chunks, { rerun: true });
  assert.ok(again.resumedBatches > 0 && again.id === first.id);
  assert.ok((await vectorsOf(again)).equals(undisturbed));
  const fresh = await rag.runDense(session, chunks, { rerun: true });
  assert.equal(fresh.resumedBatches, 0);
  session.close();
});

test("while a stage runs the event loop stays free, and a second stage is refused", async (t) => {
  const session = await rag.openSession(options(await scratch("free")));
  const chunks = await rag.chunk(session, { files });
  const watch = watchHolding();
  const running = rag.runDense(session, chunks);
  await until(() => (inferenceProcesses().length > 0 ? true : null), "the process to begin");
  await assert.rejects(rag.runSparse(session, chunks), { code: "stage_busy" });
  await running;
  const late = watch.stop();
  t.diagnostic(
    `a 10 ms timer was late by ${quantile(late, 0.99).toFixed(1)} ms of this thread's work at the 99th percentile of ${late.length}`,
  );
  assert.ok(late.length > 20 && quantile(late, 0.99) <= 20);
  session.close();
});

test("two kernels on one session: the second is refused while the first lives", async () => {
  const dir = await scratch("two");
  const script = `import(${JSON.stringify(index)}).then(async (rag) => { await rag.openSession(${JSON.stringify(options(dir))}); console.log("open"); setInterval(() => {}, 1000); })`;
  const other = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  await once(other.stdout, "data");
  await assert.rejects(rag.openSession(options(dir)), { code: "session_in_use" });
  other.kill("SIGKILL");
  await once(other, "exit");
  (await rag.openSession(options(dir))).close();
});
