/**
 * Memory of the notebook's process over chunk, BM25 and export, for 1,000, 10,000
 * and 100,000 short synthetic chunks, each size in a process of its own.
 *
 *     npm run bench:memory
 */
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import * as rag from "../../dist/index.js";
import { random } from "../lib/random.ts";

const SIZES = [1_000, 10_000, 100_000];
const SECTIONS = 100;
const LIMIT_MB = 400;

interface Figures {
  readonly chunks: number;
  readonly peakMB: number;
  readonly afterImportMB: number;
  readonly seconds: Readonly<Record<string, number>>;
}

/** Writes a corpus of `chunks` sections of about 30 words, drawn from 20,000 words by Zipf's law. */
async function writeCorpus(dir: string, chunks: number): Promise<void> {
  const next = random(42);
  const letters = "abcdefghijklmnopqrstuvwxyz";
  const word = (rank: number) => {
    let text = "";
    for (let n = rank + 1; n > 0; n = Math.floor(n / 26)) text += letters[n % 26];
    return text.padEnd(3, "x");
  };
  for (let doc = 0; doc * SECTIONS < chunks; doc++) {
    const sections: string[] = [];
    for (let s = 0; s < SECTIONS; s++) {
      const words = Array.from({ length: 30 }, () => word(Math.floor(20_000 ** next())));
      sections.push(`## Section ${doc * SECTIONS + s}\n\n${words.join(" ")}.\n`);
    }
    await writeFile(join(dir, `doc-${String(doc).padStart(4, "0")}.md`), sections.join("\n"));
  }
}

/** One size, in this process. */
async function measure(chunks: number): Promise<Figures> {
  const MB = 1e6;
  const afterImportMB = process.memoryUsage.rss() / MB;
  const dir = await mkdtemp(join(tmpdir(), "rag-memory-"));
  const corpus = join(dir, "corpus");
  await mkdir(corpus);
  await writeCorpus(corpus, chunks);
  const seconds: Record<string, number> = {};
  const timed = async <T>(name: string, work: Promise<T>): Promise<T> => {
    const start = performance.now();
    const value = await work;
    seconds[name] = (performance.now() - start) / 1000;
    return value;
  };
  const session = await rag.openSession({
    name: "memory",
    dir,
    modelDirs: [resolve(import.meta.dirname, "../../notebooks/sample/models")],
    dense: ["sample-dense"],
    sparse: ["bm25"],
    rerank: "sample-rerank",
    device: "cpu",
  });
  const run = await timed("chunk", rag.chunk(session, { files: join(corpus, "*.md") }));
  const sparse = await timed("bm25", rag.runSparse(session, run));
  const exported = await timed("export", rag.exportCollection(session, [run, sparse]));
  if (run.count !== chunks || exported.points !== chunks) throw new Error(`${run.count} chunks, ${exported.points} points, ${chunks} wanted`);
  await rm(dir, { recursive: true });
  return { chunks, peakMB: process.resourceUsage().maxRSS / 1000, afterImportMB, seconds };
}

const size = Number(process.argv[2]);
if (size > 0) {
  process.stdout.write(`${JSON.stringify(await measure(size))}\n`);
} else {
  const rows: Figures[] = [];
  for (const chunks of SIZES) {
    const child = spawnSync(process.execPath, [import.meta.filename, String(chunks)], { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
    if (child.status !== 0) throw new Error(`the run with ${chunks} chunks failed`);
    const figures = JSON.parse(child.stdout.trim().split("\n").at(-1) as string) as Figures;
    rows.push(figures);
    const times = Object.entries(figures.seconds).map(([stage, s]) => `${stage} ${s.toFixed(1)} s`);
    process.stdout.write(`${String(chunks).padStart(7)} chunks: peak ${figures.peakMB.toFixed(0)} MB (${figures.afterImportMB.toFixed(0)} MB after import); ${times.join(", ")}\n`);
  }
  const [, middle, last] = rows as [Figures, Figures, Figures];
  const growth = (last.peakMB - middle.peakMB) / ((last.chunks - middle.chunks) / 1000);
  process.stdout.write(`growth: ${growth.toFixed(2)} MB a thousand chunks; limit ${LIMIT_MB} MB: ${last.peakMB < LIMIT_MB ? "kept" : "EXCEEDED"}\n`);
  const out = resolve(import.meta.dirname, "../../out/bench");
  await mkdir(out, { recursive: true });
  await writeFile(join(out, "memory.json"), `${JSON.stringify({ rows, growthMBPerThousand: growth }, null, 1)}\n`);
  if (last.peakMB >= LIMIT_MB) process.exitCode = 1;
}
