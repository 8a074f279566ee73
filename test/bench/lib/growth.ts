/** The journey over many short synthetic chunks in a real kernel: its memory, its times, and what it leaves on the disk. */
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { startKernel } from "../../../dist/notebook/kernel.js";
import { diskUsage } from "../../../dist/store/disk.js";
import { writeZipfCorpus } from "../../lib/zipf.ts";

export interface Figures {
  readonly chunks: number;
  /** Resident set before the package is imported. */
  readonly kernelMB: number;
  readonly seconds: Readonly<Record<string, number>>;
  /** High-water mark of the resident set after each stage, as the system keeps it. */
  readonly peaks: Readonly<Record<string, number>>;
  /** What each stage's runs take on the disk, and the exported files. */
  readonly diskMB: Readonly<Record<string, number>>;
}

const root = resolve(import.meta.dirname, "../../..");

/** The largest high-water mark, in MB. */
export const peakOf = ({ peaks }: Figures) => Math.max(...Object.values(peaks));

/** All that is on the disk, in MB. */
export const diskOf = ({ diskMB }: Figures) => Object.values(diskMB).reduce((a, b) => a + b, 0);

/** How much a figure grows by a thousand chunks, from one size to the next. */
export function growthOf(from: Figures, to: Figures, figure: (figures: Figures) => number): number {
  return (figure(to) - figure(from)) / ((to.chunks - from.chunks) / 1000);
}

/** What the operator's cells do, in a real kernel; the last line is printed as JSON. */
const cell = (dir: string, corpus: string, dense: boolean) => `import * as rag from "rag-cells";
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
  name: "growth", dir: ${JSON.stringify(dir)}, modelDirs: ["sample/models"], cacheDir: ${JSON.stringify(join(dir, "none"))},
  dense: ["sample-dense"], sparse: ["bm25"], rerank: "sample-rerank", device: "cpu",
});
const chunks = await rag.chunk(session, { files: ${JSON.stringify(join(corpus, "*.md"))} });
done("chunk");
${dense ? 'const dense = await rag.runDense(session, chunks);\ndone("dense");' : ""}
const sparse = await rag.runSparse(session, chunks);
done("bm25");
const collection = await rag.exportCollection(session, [chunks, ${dense ? "dense, " : ""}sparse]);
done("export");
console.log(JSON.stringify({ chunks: chunks.count, points: collection.points, kernelMB, seconds, peaks }));`;

/** One size, in a kernel of its own. */
export async function measureGrowth(chunks: number, { dense }: { readonly dense: boolean }): Promise<Figures> {
  const dir = await mkdtemp(join(tmpdir(), "rag-growth-"));
  const corpus = join(dir, "corpus");
  await mkdir(corpus);
  await writeZipfCorpus(corpus, chunks);
  const kernel = await startKernel({ cwd: join(root, "notebooks") });
  try {
    let printed = "";
    const { status, failure } = await kernel.execute(cell(dir, corpus, dense), {
      onOutput: (output) => {
        if (output.output_type === "stream" && output.name === "stdout") printed += output.text;
      },
    });
    if (status !== "ok") throw new Error(failure ?? "the cell failed");
    const figures = JSON.parse(printed.trim().split("\n").at(-1) as string) as Figures & { points: number };
    if (figures.chunks !== chunks || figures.points !== chunks)
      throw new Error(`${figures.chunks} chunks, ${figures.points} points, ${chunks} wanted`);
    return { ...figures, diskMB: await diskOfSession(join(dir, "growth")) };
  } finally {
    await kernel.shutdown();
    await rm(dir, { recursive: true });
  }
}

async function diskOfSession(session: string): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const stage of await readdir(join(session, "runs")))
    found[stage] = (await diskUsage(join(session, "runs", stage))) / 1e6;
  const all = (await diskUsage(session)) / 1e6;
  return { ...found, files: all - Object.values(found).reduce((a, b) => a + b, 0) };
}
