import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import * as rag from "../../dist/index.js";
import type { SimulatedGpu } from "../../dist/schema/simulated-types.js";
import { corpusOf, sampleOptions, scratch } from "../lib/sample.ts";
import { simulationFile } from "../runtime/lib/simulated.ts";

let files: string;
/** The real models compute, as fast as they can. */
const REAL: Partial<SimulatedGpu> = { compute: "model", speedup: 1000 };

before(async () => {
  const documents: Record<string, string> = {};
  for (let d = 0; d < 6; d++) {
    const sections = Array.from(
      { length: 8 },
      (_, s) =>
        `## Part ${s}\n\n${`Sentence ${d} of part ${s} about tides, bread and ranks. `.repeat(1 + ((d * 7 + s) % 9))}\n`,
    );
    documents[`d${d}.md`] = `# Document ${d}\n\n${sections.join("\n")}`;
  }
  files = join(await corpusOf(documents), "*.md");
});

const open = async (more: Partial<rag.SessionOptions>) =>
  rag.openSession(sampleOptions(await scratch("simulated"), { vectorCache: null, tokenBudget: null, ...more }));

const on = (gpus: number, changes: Partial<SimulatedGpu> = {}) =>
  ({
    device: "simulated",
    simulation: simulationFile(...Array.from({ length: gpus }, () => ({ ...REAL, ...changes }))),
  }) as const;

const vectorsOf = (run: rag.DenseRun) => readFile(join(run.dir, run.vectors[0]?.file as string));

test("vectors of a plan are the same bytes on one GPU and on two, and those of the CPU within 1e-6", async () => {
  const pass = async (more: Partial<rag.SessionOptions>) => {
    const session = await open(more);
    const run = await rag.runDense(session, await rag.chunk(session, { files }));
    const rows = await rag.readVectors(run);
    const bytes = await vectorsOf(run);
    session.close();
    return { run, rows, bytes };
  };
  const [one, two, cpu, found] = [
    await pass({ ...on(1), deterministic: true }),
    await pass({ ...on(2), deterministic: true }),
    await pass({ device: "cpu" }),
    await pass(on(2)),
  ];
  assert.equal(two.run.telemetry.devices.length, 2);
  assert.ok(one.bytes.equals(two.bytes));
  assert.ok(found.run.notes.some(({ code }) => code === "batches_found"));
  for (const other of [cpu, found]) {
    assert.equal(other.rows.rows, two.rows.rows);
    for (let row = 0; row < other.rows.rows; row++) {
      let cosine = 0;
      for (let i = row * other.rows.dim; i < (row + 1) * other.rows.dim; i++)
        cosine += (other.rows.data[i] as number) * (two.rows.data[i] as number);
      assert.ok(cosine > 1 - 1e-6, `row ${row}: ${cosine}`);
    }
  }
});

test("a run on simulated GPUs never passes for one on real devices, nor are its vectors kept", async () => {
  const vectorCache = join(await scratch("vectors"), "vectors.sqlite");
  const session = await open({ ...on(1, { compute: "hash" }), vectorCache });
  const chunks = await rag.chunk(session, { files });
  const drawn = await rag.runDense(session, chunks);
  const { dir } = session;
  session.close();
  const real = await rag.openSession({
    ...sampleOptions("", { vectorCache, tokenBudget: null }),
    name: session.name,
    dir: join(dir, ".."),
    device: "cpu",
  });
  const run = await rag.runDense(real, await rag.chunk(real, { files }));
  assert.match(drawn.notes.find(({ code }) => code === "simulated")?.message ?? "", /hash .* mean nothing/);
  assert.notEqual(run.id, drawn.id);
  assert.equal(run.reused, false);
  assert.equal(run.vectors[0]?.reused, 0);
  assert.ok(!(await vectorsOf(run)).equals(await vectorsOf(drawn)));
  real.close();
});

test("rows that fit on no GPU alone are the CPU's where the settings say so, and the run names them", async () => {
  // Beside the context and the weights there is room for the buffers of short rows alone.
  const small = on(1, { memoryBytes: 700 * 2 ** 20, memoryFactor: 400 });
  const session = await open(small);
  const chunks = await rag.chunk(session, { files });
  await assert.rejects(rag.runDense(session, chunks), { code: "rows_failed", message: /failedRows: "cpu"/ });
  const { dir } = session;
  session.close();
  const again = await rag.openSession({
    ...sampleOptions("", { vectorCache: null, tokenBudget: null }),
    ...small,
    name: session.name,
    dir: join(dir, ".."),
    failedRows: "cpu",
  });
  const run = await rag.runDense(again, chunks);
  const note = run.notes.find(({ code }) => code === "rows_on_cpu");
  assert.ok((note?.count ?? 0) > 0 && /tokens\)/.test(note?.message ?? ""), note?.message);
  const { devices, batches } = run.telemetry;
  assert.deepEqual(devices.map(({ device }) => device.kind).sort(), ["cpu", "simulated"]);
  assert.equal(
    batches.filter(({ device }) => device === "cpu").reduce((sum, { rows }) => sum + rows, 0),
    note?.count,
  );
  again.close();
});

test("the manifest has the devices, the turns on them and what happened there", async () => {
  const session = await open({
    ...on(2, { faults: [{ batch: 1, kind: "crash" }] }),
    sparse: ["bm25"],
    tokenBudget: 512,
  });
  const chunks = await rag.chunk(session, { files });
  const dense = await rag.runDense(session, chunks);
  const run = await rag.exportCollection(session, [chunks, dense]);
  assert.ok(run.checks.every(({ passed }) => passed));
  const manifest = JSON.parse(await readFile(run.manifest, "utf8"));
  assert.equal(manifest.dense_run.gpu_count, 2);
  assert.deepEqual(
    manifest.dense_run.lease_events.map(
      ({ event_type, device }: { event_type: string; device: string }) => `${event_type} ${device}`,
    ),
    ["acquire simulated:0", "release simulated:0", "acquire simulated:1", "release simulated:1"],
  );
  assert.equal(manifest.telemetry.lease_events_recorded, 4);
  assert.equal(manifest.telemetry.mitigation_events_recorded, 2);
  const { devices, device_events } = manifest.performance_baseline;
  assert.equal(devices.filter(({ stage }: { stage: string }) => stage === "dense").length, 2);
  assert.deepEqual(
    device_events.map(({ kind }: { kind: string }) => kind),
    ["restarted", "restarted"],
  );
  session.close();
});
