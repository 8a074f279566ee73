/**
 * Memory of the notebook's own process, a real kernel, over chunk, BM25 and export,
 * for 1,000, 10,000 and 100,000 short synthetic chunks, each size in a kernel of its own.
 *
 *     npm run bench:memory
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { startKernel } from "../../dist/notebook/kernel.js";
import { writeZipfCorpus } from "../lib/zipf.ts";

const SIZES = [1_000, 10_000, 100_000];
const LIMIT_MB = 400;

interface Figures {
  readonly chunks: number;
  /** Resident set before the package is imported. */
  readonly kernelMB: number;
  readonly seconds: Readonly<Record<string, number>>;
  /** High-water mark of the resident set after each stage, as the system keeps it. */
  readonly peaks: Readonly<Record<string, number>>;
}

const root = resolve(import.meta.dirname, "../..");
const peakOf = ({ peaks }: Figures) => Math.max(...Object.values(peaks));

/** What the operator's cells do, in a real kernel; the last line is printed as JSON. */
const cell = (dir: string, corpus: string) => `import * as rag from "rag-cells";
const MB = (bytes: number) => bytes / 1e6;
const kernelMB = MB(process.memoryUsage.rss());
const seconds: { [stage: string]: number } = {};
const peaks: { [stage: string]: number } = {};
let start = performance.now();
const done = (stage: string) => {
  seconds[stage] = (performance.now() - start) / 1000;
  peaks[stage] = process.resourceUsage().maxRSS / 1000;
  start = performance.now();
};
const session = await rag.openSession({
  name: "memory", dir: ${JSON.stringify(dir)}, modelDirs: ["sample/models"],
  dense: ["sample-dense"], sparse: ["bm25"], rerank: "sample-rerank", device: "cpu",
});
const chunks = await rag.chunk(session, { files: ${JSON.stringify(join(corpus, "*.md"))} });
done("chunk");
const sparse = await rag.runSparse(session, chunks);
done("bm25");
const collection = await rag.exportCollection(session, [chunks, sparse]);
done("export");
console.log(JSON.stringify({ chunks: chunks.count, points: collection.points, kernelMB, seconds, peaks }));`;

/** One size, in a kernel of its own. */
async function measure(chunks: number): Promise<Figures> {
  const dir = await mkdtemp(join(tmpdir(), "rag-memory-"));
  const corpus = join(dir, "corpus");
  await mkdir(corpus);
  await writeZipfCorpus(corpus, chunks);
  const kernel = await startKernel({ cwd: join(root, "notebooks") });
  try {
    let printed = "";
    const { status, failure } = await kernel.execute(cell(dir, corpus), {
      onOutput: (output) => {
        if (output.output_type === "stream" && output.name === "stdout") printed += output.text;
      },
    });
    if (status !== "ok") throw new Error(failure ?? "the cell failed");
    const figures = JSON.parse(printed.trim().split("\n").at(-1) as string) as Figures & { points: number };
    if (figures.chunks !== chunks || figures.points !== chunks)
      throw new Error(`${figures.chunks} chunks, ${figures.points} points, ${chunks} wanted`);
    return figures;
  } finally {
    await kernel.shutdown();
    await rm(dir, { recursive: true });
  }
}

const rows: Figures[] = [];
for (const chunks of SIZES) {
  const figures = await measure(chunks);
  rows.push(figures);
  const stages = Object.entries(figures.seconds).map(([stage, s]) => `${stage} ${s.toFixed(1)} s`);
  process.stdout.write(
    `${String(chunks).padStart(7)} chunks: peak ${peakOf(figures).toFixed(0)} MB (the kernel alone ${figures.kernelMB.toFixed(0)} MB); ${stages.join(", ")}\n`,
  );
}
const [, middle, last] = rows as [Figures, Figures, Figures];
const growth = (peakOf(last) - peakOf(middle)) / ((last.chunks - middle.chunks) / 1000);
const kept = peakOf(last) < LIMIT_MB;
process.stdout.write(
  `growth: ${growth.toFixed(2)} MB a thousand chunks; limit ${LIMIT_MB} MB: ${kept ? "kept" : "EXCEEDED"}\n`,
);
const out = join(root, "out/bench");
await mkdir(out, { recursive: true });
await writeFile(join(out, "memory.json"), `${JSON.stringify({ rows, growthMBPerThousand: growth }, null, 1)}\n`);
if (!kept) process.exitCode = 1;
