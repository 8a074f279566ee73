/**
 * What the vector cache costs. First: seeded texts through a BERT of 6 layers of 384 with
 * random weights, in batches by token budget, alone and with every batch kept; rounds
 * alternate, so that a busy machine hits both alike. Then: a large number of vectors of 384
 * numbers written, looked up and read back, with the lateness of a 10 ms timer meanwhile.
 *
 *     npm run bench:vectors [-- --texts 256 --rounds 5 --threads 2 --budget 1024 --rows 100000]
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { quantile } from "../../dist/core/stats.js";
import { openEncoder } from "../../dist/runtime/encoder.js";
import { packOutput, splitRows } from "../../dist/runtime/row-bytes.js";
import type { KeptRows } from "../../dist/schema/kept-rows.js";
import { openVectorCache } from "../../dist/store/vector-cache.js";
import { random } from "../lib/random.ts";
import { watchHolding, watchLateness } from "../runtime/lib/lateness.ts";
import { space as usual } from "../store/lib/cache-rows.ts";
import { writeDenseBench } from "./lib/dense-model.ts";
import { ours } from "./lib/ours.ts";

const { values } = parseArgs({
  options: {
    texts: { type: "string", default: "256" },
    rounds: { type: "string", default: "5" },
    threads: { type: "string", default: String(Math.min(2, availableParallelism())) },
    budget: { type: "string", default: "1024" },
    rows: { type: "string", default: "100000" },
  },
});
const [count, rounds, threads, budget, many] = [
  values.texts,
  values.rounds,
  values.threads,
  values.budget,
  values.rows,
].map(Number) as [number, number, number, number, number];

const DIM = 384;
const BLOCK = 2048;
const space = { ...usual, model: "bench", width: DIM };
const folder = mkdtempSync(join(tmpdir(), "rag-cells-bench-"));
const figures: Record<string, number> = {};
try {
  console.log(`${cpus()[0]?.model.trim()}, ${availableParallelism()} CPUs, load average ${loadavg()[0]?.toFixed(2)}`);
  await costOfKeeping();
  await manyRows();
} finally {
  rmSync(folder, { recursive: true });
}
const file = resolve("out/bench/vectors.json");
mkdirSync(resolve("out/bench"), { recursive: true });
writeFileSync(file, `${JSON.stringify({ at: new Date().toISOString(), node: process.version, figures }, null, 2)}\n`);
console.log(`Written to ${file}`);

function report(what: string, value: number, digits = 2): void {
  figures[what] = value;
  console.log(`${value.toFixed(digits).padStart(12)} ${what}`);
}

/** CPU seconds of a process so far, from /proc: what it cost, however busy the machine is. A tick is 10 ms. */
function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function hashesOf(from: number, to: number): Uint8Array {
  return Buffer.concat(
    Array.from({ length: to - from }, (_, i) =>
      createHash("sha256")
        .update(`text ${from + i}`)
        .digest(),
    ),
  );
}

/** The same batches with and without keeping: the difference of neighbours in time, over the time without. */
async function costOfKeeping(): Promise<void> {
  const bench = writeDenseBench(folder, count);
  const plain = await ours(bench, threads, budget);
  const batches = plain.batches();
  await plain.close();
  const encoder = await openEncoder({
    model: "bench",
    onnxFile: bench.onnxFile,
    externalData: [],
    pooling: "mean",
    normalize: true,
    threads,
    provider: { kind: "cpu" },
  });
  /** As the pass does it: one batch always waits in the inference process, and a batch is kept before the next counts. */
  const pass = async (round: number, kept: KeptRows | null) => {
    const from = performance.now();
    const cpu = process.cpuUsage();
    const busy = cpuSecondsOf(encoder.pid);
    let keeping = 0;
    let row = 0;
    let running = encoder.encode([batches[0] as (typeof batches)[number]]);
    for (let i = 0; i < batches.length; i++) {
      const { output } = await running;
      const next = batches[i + 1];
      if (next) running = encoder.encode([next]);
      const { rows } = batches[i] as (typeof batches)[number];
      const start = performance.now();
      // Other texts in each round: new rows are what costs.
      const at = round * 1_000_000 + row;
      await kept?.keep(hashesOf(at, at + rows), splitRows(packOutput(output), "dense", rows));
      keeping += performance.now() - start;
      row += rows;
    }
    const { user, system } = process.cpuUsage(cpu);
    return {
      seconds: (performance.now() - from) / 1000,
      keeping: keeping / 1000,
      cpu: (user + system) / 1e6,
      inference: cpuSecondsOf(encoder.pid) - busy,
    };
  };
  const cache = openVectorCache({ path: join(folder, "cost.sqlite"), maxBytes: 2 ** 40, maxDays: null });
  const kept = cache.space(space);
  const [shares, waits, works, without, inference]: [number[], number[], number[], number[], number[]] = [
    [],
    [],
    [],
    [],
    [],
  ];
  for (let round = 0; round <= rounds; round++) {
    const first = round % 2 === 0 ? null : kept;
    const a = await pass(round, first);
    const b = await pass(round, first ? null : kept);
    const [bare, keeps] = first ? [b, a] : [a, b];
    if (round === 0) continue; // It warms up.
    shares.push(keeps.seconds / bare.seconds - 1);
    waits.push(keeps.keeping / bare.seconds);
    works.push(keeps.cpu - bare.cpu);
    inference.push(bare.inference);
    without.push(bare.seconds);
  }
  await encoder.close();
  await cache.close();
  assert.deepEqual(cache.notes(), []);
  console.log(
    `${count} texts in ${batches.length} batches, ${threads} threads, ${rounds} rounds, ${(quantile(without, 0.5)).toFixed(2)} s without keeping`,
  );
  report(
    "% of wall-clock time that keeping adds, median of rounds (a busy machine blurs it)",
    100 * quantile(shares, 0.5),
  );
  report(
    "% of the inference process's CPU time that keeping takes, its thread included (target under 5)",
    (100 * quantile(works, 0.5)) / quantile(inference, 0.5),
  );
  report("% of inference that the pass waits for the cache, beside the model's own work", 100 * quantile(waits, 0.5));
}

async function manyRows(): Promise<void> {
  const next = random(5);
  const data = new Float32Array(BLOCK * DIM).map(() => next() - 0.5);
  const rowsOf = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, r) => {
      data[r * DIM] = from + r; // Each text has a vector of its own.
      return new Uint8Array(data.buffer, r * DIM * 4, DIM * 4);
    });
  const path = join(folder, "many.sqlite");
  const options = { path, maxBytes: 2 ** 40, maxDays: null };
  const timed = async (what: string, rows: number, work: () => Promise<void>) => {
    const [late, held] = [watchLateness(), watchHolding()];
    const from = performance.now();
    const cpu = process.cpuUsage();
    await work();
    const seconds = (performance.now() - from) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    report(`rows/s ${what}`, rows / seconds, 0);
    report(`us of CPU time a row ${what}, all threads`, (user + system) / rows, 1);
    report(`ms late, 10 ms timer, 99th percentile, while rows are ${what}`, quantile(late.stop(), 0.99));
    report(
      `ms held by our own work beyond those 10, 99th percentile, while rows are ${what}`,
      quantile(held.stop(), 0.99),
    );
  };
  const writer = openVectorCache(options);
  await timed("written in batches of 32", many, async () => {
    for (let at = 0; at < many; at += 32) {
      const to = Math.min(many, at + 32);
      await writer.space(space).keep(hashesOf(at, to), rowsOf(at, to));
    }
  });
  await writer.close();
  report("KB on disk for 1,000 vectors of 384", statSync(path).size / 1000 / (many / 1000), 0);

  const reader = openVectorCache(options);
  const hashes = hashesOf(0, many);
  await timed("looked up", many, async () => {
    const known = await reader.space(space).known(hashes);
    assert.ok(known.every((k) => k === 1));
  });
  await timed("read, checked and marked as used", many, async () => {
    for (let at = 0; at < many; at += BLOCK) {
      const to = Math.min(many, at + BLOCK);
      const rows = await reader.space(space).take(hashes.subarray(at * 32, to * 32));
      assert.equal(new Float32Array(rows[0]?.slice().buffer as ArrayBuffer)[0], at);
    }
  });
  await reader.close();
  assert.deepEqual([...writer.notes(), ...reader.notes()], []);
}
