/**
 * Memory of the notebook's own process, a real kernel, over chunk, BM25 and export,
 * for 1,000, 10,000 and 100,000 short synthetic chunks, each size in a kernel of its own.
 *
 *     npm run bench:memory [-- --sizes 1000,10000,100000]
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type Figures, growthOf, measureGrowth, peakOf } from "./lib/growth.ts";
import { sizesOf } from "./lib/sizes.ts";

const LIMIT_MB = 400;

const { values } = parseArgs({ options: { sizes: { type: "string", default: "1000,10000,100000" } } });
const rows: Figures[] = [];
for (const chunks of sizesOf(values.sizes)) {
  const figures = await measureGrowth(chunks, { dense: false });
  rows.push(figures);
  const stages = Object.entries(figures.seconds).map(([stage, s]) => `${stage} ${s.toFixed(1)} s`);
  process.stdout.write(
    `${String(chunks).padStart(7)} chunks: peak ${peakOf(figures).toFixed(0)} MB (the kernel alone ${figures.kernelMB.toFixed(0)} MB); ${stages.join(", ")}\n`,
  );
}
const last = rows.at(-1) as Figures;
const before = rows.at(-2);
const growth = before ? growthOf(before, last, peakOf) : null;
const kept = peakOf(last) < LIMIT_MB;
process.stdout.write(
  `growth: ${growth?.toFixed(2) ?? "–"} MB a thousand chunks; limit ${LIMIT_MB} MB: ${kept ? "kept" : "EXCEEDED"}\n`,
);
const out = resolve(import.meta.dirname, "../../out/bench");
await mkdir(out, { recursive: true });
await writeFile(join(out, "memory.json"), `${JSON.stringify({ rows, growthMBPerThousand: growth }, null, 1)}\n`);
if (!kept) process.exitCode = 1;
