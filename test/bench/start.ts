/**
 * How long until the operator sees something: import of the package in a fresh
 * process, start of the kernel, and the first card of a session that is already
 * there. Medians of five.
 *
 *     npm run bench:start
 */
import { spawnSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { startKernel } from "../../dist/notebook/kernel.js";
import { scratch } from "../lib/sample.ts";

const root = resolve(import.meta.dirname, "../..");
const ROUNDS = 5;

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
}

/** Milliseconds that importing the package takes in a fresh process, Node's own start not counted. */
function importTime(): number {
  const script = `const t = performance.now(); import(${JSON.stringify(join(root, "dist/index.js"))}).then(() => console.log(performance.now() - t))`;
  const { stdout, status } = spawnSync(process.execPath, ["-e", script], { encoding: "utf8" });
  if (status !== 0) throw new Error("the import failed");
  return Number(stdout);
}

const cell = (dir: string) => `import * as rag from "rag-cells";
const session = await rag.openSession({ name: "start", dir: ${JSON.stringify(dir)}, modelDirs: ["sample/models"], dense: ["sample-dense"], sparse: ["sample-splade"], rerank: "sample-rerank", device: "cpu" });
const models = await rag.primeCache(session);
models`;

async function firstCard(dir: string): Promise<{ kernel: number; card: number }> {
  const start = performance.now();
  const kernel = await startKernel({ cwd: join(root, "notebooks") });
  const ready = performance.now();
  let card = Number.NaN;
  const execution = await kernel.execute(cell(dir), {
    onOutput: (output) => {
      if (output.output_type === "display_data" && Number.isNaN(card)) card = performance.now() - start;
    },
  });
  await kernel.shutdown();
  if (execution.status !== "ok" || Number.isNaN(card)) throw new Error(execution.failure ?? "no card came");
  return { kernel: ready - start, card };
}

const dir = await scratch("start");
await firstCard(dir);
const imports = Array.from({ length: ROUNDS }, importTime);
const cards: { kernel: number; card: number }[] = [];
for (let i = 0; i < ROUNDS; i++) cards.push(await firstCard(dir));
const figures = {
  importMs: median(imports),
  kernelReadyMs: median(cards.map((c) => c.kernel)),
  firstCardMs: median(cards.map((c) => c.card)),
};
process.stdout.write(
  `import ${figures.importMs.toFixed(0)} ms; kernel ready after ${figures.kernelReadyMs.toFixed(0)} ms; first card ${figures.firstCardMs.toFixed(0)} ms after the kernel's start (medians of ${ROUNDS})\n`,
);
const out = join(root, "out/bench");
await mkdir(out, { recursive: true });
await writeFile(join(out, "start.json"), `${JSON.stringify(figures, null, 1)}\n`);
