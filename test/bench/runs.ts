/**
 * What keeping results costs and saves, on short synthetic chunks with the small sample models:
 *
 * - every stage a second time, in the same kernel's process and in a new one: seconds, and inference processes started;
 * - the dense stage killed at half and gone on with, beside undisturbed runs: the overhead as a share;
 * - memory of the notebook's process and bytes on the disk, from size to size, in a real kernel.
 *
 *     npm run bench:runs [-- --sizes 1000,10000,100000 --chunks 10000 --rounds 3]
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { quantile } from "../../dist/core/stats.js";
import { writeZipfCorpus } from "../lib/zipf.ts";
import { diskOf, type Figures, growthOf, measureGrowth, peakOf } from "./lib/growth.ts";
import { sizesOf } from "./lib/sizes.ts";
import type { StagesTask, Told } from "./lib/stages-child.ts";

const REUSE_SECONDS = 1;
const RESUME_SHARE = 0.02;

const { values } = parseArgs({
  options: {
    sizes: { type: "string", default: "1000,10000,100000" },
    chunks: { type: "string", default: "10000" },
    rounds: { type: "string", default: "3" },
  },
});
const [count, rounds] = [Number(values.chunks), Number(values.rounds)];
const root = resolve(import.meta.dirname, "../..");
const folder = await mkdtemp(join(tmpdir(), "rag-bench-runs-"));
const corpus = join(folder, "corpus");
const files = join(corpus, "*.md");
const print = (line: string) => void process.stdout.write(`${line}\n`);

/** Settings of a session in a folder of its own, with nothing that another session has left. */
const session = (dir: string) => ({
  name: "bench",
  dir,
  cacheDir: join(dir, "none"),
  modelDirs: [join(root, "notebooks/sample/models")],
  dense: ["sample-dense"],
  sparse: ["bm25"],
  rerank: "sample-rerank",
  device: "cpu",
  offline: true,
  // Vectors that were kept would be taken, and nothing computed.
  vectorCache: null,
});

type Done = Extract<Told, { stage: string }>;

/** Runs stages in a process of its own. `onTold` may kill it. */
async function run(task: StagesTask, onTold: (told: Told, kill: () => void) => void = () => {}): Promise<Done[]> {
  const child = fork(join(import.meta.dirname, "lib/stages-child.ts"), [JSON.stringify(task)], { execArgv: [] });
  const done: Done[] = [];
  child.on("message", (message) => {
    const told = message as Told;
    if ("stage" in told) done.push(told);
    onTold(told, () => child.kill("SIGKILL"));
  });
  const [code, signal] = await once(child, "exit");
  if (code !== 0 && signal !== "SIGKILL") throw new Error(`the stages ended with ${code ?? signal}`);
  return done;
}

/** Every stage again: at most a second, and no model. */
async function reuse() {
  const dir = join(folder, "reuse");
  const first = await run({ session: session(dir), files, stages: "journey", times: 2 });
  const anew = await run({ session: session(dir), files, stages: "journey", times: 1 });
  const half = first.length / 2;
  const rows = anew.map((again, i) => ({
    stage: again.stage,
    computed: first[i] as Done,
    sameProcess: first[half + i] as Done,
    newProcess: again,
  }));
  if (first.find(({ stage }) => stage === "dense")?.started !== 1)
    throw new Error("inference processes are not counted");
  print(`a second run on ${count} chunks (target: under ${REUSE_SECONDS} s, no inference process)`);
  for (const { stage, computed, sameProcess, newProcess } of rows) {
    const seconds = [computed, sameProcess, newProcess].map((one) => one.seconds.toFixed(3).padStart(8));
    const processes = sameProcess.started + newProcess.started;
    print(
      `  ${stage.padEnd(7)} computed ${seconds[0]} s; again ${seconds[1]} s; in a new process ${seconds[2]} s; ${processes} inference processes`,
    );
  }
  const again = rows.flatMap(({ sameProcess, newProcess }) => [sameProcess, newProcess]);
  const kept = again.every(({ seconds, started, reused }) => seconds < REUSE_SECONDS && started === 0 && reused);
  print(`  ${kept ? "kept" : "MISSED"}`);
  return { rows, kept };
}

/** Bytes of the dense stage's journal. */
async function journalBytes(dir: string): Promise<number> {
  const stage = join(dir, "bench/runs/dense");
  const [partial] = (await readdir(stage).catch(() => [])).filter((name) => name.endsWith(".partial"));
  if (partial === undefined) return 0;
  return stat(join(stage, partial, "sample-dense.journal")).then(
    ({ size }) => size,
    () => 0,
  );
}

/** The dense stage, undisturbed. @returns its seconds, and its batches */
async function undisturbed(dir: string): Promise<Done> {
  return (await run({ session: session(dir), files, stages: "dense", times: 1 })).at(-1) as Done;
}

/** The dense stage, killed when half of its vectors are journaled, and gone on with. */
async function disturbed(dir: string, halfBytes: number) {
  let began = 0;
  let killed = 0;
  let watch: NodeJS.Timeout | undefined;
  await run({ session: session(dir), files, stages: "dense", times: 1 }, (told, kill) => {
    if (!("begins" in told) || told.begins !== "dense") return;
    began = told.at;
    watch = setInterval(async () => {
      if ((await journalBytes(dir)) < halfBytes || killed > 0) return;
      kill();
      killed = Date.now();
    }, 10);
  });
  clearInterval(watch);
  if (killed === 0) throw new Error("the stage was over before half of it was seen");
  const rest = await undisturbed(dir);
  return { first: (killed - began) / 1000, rest };
}

/** Both ways in turn, so that a machine that slows down slows both. */
async function resume() {
  const dim = 128;
  const plain: number[] = [];
  const sums: number[] = [];
  let kept: Done | undefined;
  const base = join(folder, "chunks");
  await run({ session: session(base), files, stages: "dense", times: 1 });
  await rm(join(base, "bench/runs/dense"), { recursive: true });
  for (let round = 0; round < rounds; round++) {
    const dirs = [join(folder, `plain-${round}`), join(folder, `killed-${round}`)] as const;
    for (const dir of dirs) await cp(base, dir, { recursive: true });
    plain.push((await undisturbed(dirs[0])).seconds);
    const { first, rest } = await disturbed(dirs[1], count * dim * 2);
    sums.push(first + rest.seconds);
    kept = rest;
    for (const dir of dirs) await rm(dir, { recursive: true });
  }
  const [whole, parts] = [quantile(plain, 0.5), quantile(sums, 0.5)];
  const share = parts / whole - 1;
  print(`dense stage on ${count} chunks, killed at half and gone on with (target: under ${RESUME_SHARE * 100} % more)`);
  print(
    `  undisturbed ${whole.toFixed(2)} s, both parts together ${parts.toFixed(2)} s (medians of ${rounds}): ${(share * 100).toFixed(1)} % more`,
  );
  print(
    `  ${parts - whole > 0 ? (parts - whole).toFixed(2) : "0"} s more; ${kept?.resumedBatches} of ${kept?.batches} batches were taken over; ${share < RESUME_SHARE ? "kept" : "MISSED"}`,
  );
  return { plain, sums, share, kept };
}

/** From size to size. */
async function growth() {
  const rows: Figures[] = [];
  print("memory and disk, in a real kernel");
  for (const size of sizesOf(values.sizes)) {
    const figures = await measureGrowth(size, { dense: true });
    const before = rows.at(-1);
    rows.push(figures);
    const disk = Object.entries(figures.diskMB).map(([what, mb]) => `${what} ${mb.toFixed(1)}`);
    const grown = before
      ? `; ${growthOf(before, figures, peakOf).toFixed(2)} MB of memory and ${growthOf(before, figures, diskOf).toFixed(2)} MB of disk a thousand chunks`
      : "";
    print(
      `  ${String(size).padStart(7)} chunks: peak ${peakOf(figures).toFixed(0)} MB; disk ${diskOf(figures).toFixed(1)} MB (${disk.join(", ")})${grown}`,
    );
  }
  return rows;
}

try {
  await mkdir(corpus);
  await writeZipfCorpus(corpus, count);
  const results = {
    node: process.version,
    chunks: count,
    reuse: await reuse(),
    resume: await resume(),
    growth: await growth(),
  };
  const out = join(root, "out/bench");
  await mkdir(out, { recursive: true });
  await writeFile(join(out, "runs.json"), `${JSON.stringify(results, null, 1)}\n`);
  print(`written to ${join(out, "runs.json")}`);
  if (!results.reuse.kept) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
