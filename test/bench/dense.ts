/**
 * Dense vectors of 512 mixed texts (30 to 256 tokens) with a BERT of 6 layers of 384
 * and random weights: ours against the transformers.js pipeline in batches of 32, a
 * bare loop of `session.run` over our batches, and, where Python has what they need,
 * sentence-transformers and our own way with int8 weights. Runs alternate, so that a
 * busy machine hits all alike; medians and ratios. The last line says how much faster
 * than sentence-transformers a program would be that does nothing but the model's
 * float32 products, each at the fastest rate that was measured here.
 *
 *     npm run bench:dense [-- --texts 512 --rounds 5 --threads 2 --budget 1024]
 *     RAG_CELLS_PYTHON=... names the Python to use
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { quantile } from "../../dist/core/stats.js";
import { watchLateness } from "../runtime/lib/lateness.ts";
import { type Contestant, forkContestant } from "./lib/contestant.ts";
import { productsOf, writeDenseBench } from "./lib/dense-model.ts";
import { ours as openOurs } from "./lib/ours.ts";
import { int8File, pythonContestant } from "./lib/python.ts";

const { values } = parseArgs({
  options: {
    texts: { type: "string", default: "512" },
    rounds: { type: "string", default: "5" },
    threads: { type: "string", default: String(Math.min(2, availableParallelism())) },
    budget: { type: "string", default: "1024" },
  },
});
const [count, rounds, threads, budget] = [values.texts, values.rounds, values.threads, values.budget].map(Number) as [
  number,
  number,
  number,
  number,
];

const INT8 = "rag-cells, int8 weights";
const folder = mkdtempSync(join(tmpdir(), "rag-cells-bench-"));
const contestants: Contestant[] = [];
try {
  await main();
} finally {
  for (const contestant of contestants) await contestant.close();
  rmSync(folder, { recursive: true });
}

async function main(): Promise<void> {
  const load = loadavg()[0] as number;
  console.log(
    `${count} texts, ${threads} threads, ${rounds} rounds; ${cpus()[0]?.model.trim()}, ${availableParallelism()} CPUs, load average ${load.toFixed(2)}`,
  );
  if (load > 0.5)
    console.log("The machine is busy with something else: read the ratios with care, and not the seconds.");
  const bench = writeDenseBench(folder, count);
  const mine = await openOurs(bench, threads, budget);
  contestants.push(mine);
  const batches = mine.batches();
  const pipeline = await forkContestant("transformers.js pipeline", "./pipeline.ts", {
    folder,
    texts: bench.texts,
    threads,
  });
  contestants.push(pipeline);
  contestants.push(
    await forkContestant("bare session.run", "./bare-loop.ts", { onnxFile: bench.onnxFile, batches, threads }),
  );
  const python = await pythonContestant(bench, threads);
  if (typeof python === "string") console.log(`SKIPPED sentence-transformers: ${python}`);
  else contestants.push(python);
  const int8 = int8File(bench);
  if (typeof int8 === "string") console.log(`SKIPPED int8 weights: ${int8}`);
  else contestants.push(await openOurs({ ...bench, onnxFile: int8.file }, threads, budget, INT8));

  const seconds = new Map(contestants.map(({ name }) => [name, [] as number[]]));
  const late: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    for (let turn = 0; turn < contestants.length; turn++) {
      const contestant = contestants[(turn + round) % contestants.length] as Contestant;
      const watch = watchLateness();
      const taken = await contestant.run();
      const lateness = watch.stop();
      // Round 0 warms up.
      if (round === 0) continue;
      seconds.get(contestant.name)?.push(taken);
      if (contestant === mine) late.push(...lateness);
    }
  }
  report(mine.name, seconds, smallestCosine(mine.vectors(), pipeline.vectors(), count), late, {
    paddedTokens: batches.reduce((sum, { rows, length }) => sum + rows * length, 0),
    tokens: batches.reduce((sum, { mask }) => sum + mask.reduce((a, b) => a + b, 0), 0),
    batches: batches.length,
    loadSeconds: mine.loadSeconds,
    peakBytes: mine.peakBytes(),
    gflop: batches.reduce((sum, { rows, length }) => sum + productsOf(rows, length), 0) / 1e9,
    fastestGflops: typeof python === "string" ? Number.NaN : Math.max(...python.products()),
  });
}

function smallestCosine(a: Float32Array, b: Float32Array, rows: number): number {
  assert.ok(a.length > 0 && a.length === b.length);
  const dim = a.length / rows;
  let smallest = 1;
  for (let row = 0; row < rows; row++) {
    let [ab, aa, bb] = [0, 0, 0];
    for (let i = row * dim; i < (row + 1) * dim; i++) {
      const [x, y] = [a[i] as number, b[i] as number];
      ab += x * y;
      aa += x * x;
      bb += y * y;
    }
    smallest = Math.min(smallest, ab / Math.sqrt(aa * bb));
  }
  return smallest;
}

function report(
  name: string,
  seconds: Map<string, number[]>,
  cosine: number,
  late: number[],
  own: Record<string, number>,
): void {
  const median = (who: string) => quantile(seconds.get(who) ?? [], 0.5);
  for (const [who, runs] of seconds) {
    console.log(
      `${who.padEnd(26)} ${median(who).toFixed(2)} s  ${(count / median(who)).toFixed(1)} texts/s  (${runs.map((s) => s.toFixed(2)).join(" ")})`,
    );
  }
  // Of each round the ratio of neighbours in time, then the median: a burst of foreign load hits few of them.
  const ratio = (over: string, under: string) =>
    quantile(
      (seconds.get(over) ?? []).map((s, i) => s / (seconds.get(under)?.[i] as number)),
      0.5,
    );
  const figures: { what: string; value: number; target?: string; met?: (x: number) => boolean }[] = [
    {
      what: "times the transformers.js pipeline",
      value: ratio("transformers.js pipeline", name),
      target: ">= 1.8",
      met: (x: number) => x >= 1.8,
    },
    {
      what: "of the bare loop's time",
      value: ratio(name, "bare session.run"),
      target: "<= 1.05",
      met: (x: number) => x <= 1.05,
    },
    {
      what: "times sentence-transformers",
      value: ratio("sentence-transformers", name),
      target: ">= 2.5",
      met: (x: number) => x >= 2.5,
    },
    {
      what: "times sentence-transformers, with int8 weights (another result: not the target's)",
      value: ratio("sentence-transformers", INT8),
    },
    {
      what: "times sentence-transformers: the products alone, at the fastest rate measured (the ceiling of float32)",
      value: median("sentence-transformers") / ((own["gflop"] as number) / (own["fastestGflops"] as number)),
    },
    {
      what: "smallest cosine to the pipeline's vectors",
      value: cosine,
      target: ">= 0.999999",
      met: (x: number) => x >= 0.999999,
    },
    {
      what: "ms late, 10 ms timer, 99th percentile",
      value: quantile(late, 0.99),
      target: "<= 20",
      met: (x: number) => x <= 20,
    },
  ].filter(({ value }) => Number.isFinite(value));
  for (const { what, value, target, met } of figures) {
    const verdict = target === undefined ? "" : ` (target ${target}: ${met?.(value) ? "met" : "MISSED"})`;
    console.log(`${value.toFixed(value > 0.99 && value < 1 ? 7 : 3).padStart(9)} ${what}${verdict}`);
  }
  console.log(
    Object.entries(own)
      .map(([key, value]) => `${key} ${Number(value.toFixed(3))}`)
      .join(", "),
  );
  const file = resolve("out/bench/dense.json");
  mkdirSync(resolve("out/bench"), { recursive: true });
  const result = {
    at: new Date().toISOString(),
    node: process.version,
    cpu: cpus()[0]?.model.trim(),
    load: loadavg()[0],
    settings: { texts: count, rounds, threads, budget },
    seconds: Object.fromEntries(seconds),
    figures: figures.map(({ what, value, target, met }) => ({ what, value, target, met: met?.(value) })),
    ...own,
  };
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
  console.log(`Written to ${file}`);
  assert.ok(cosine >= 0.999999, "the two give unlike vectors, so their times can't be compared");
}
