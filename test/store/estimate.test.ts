import assert from "node:assert/strict";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { countHeadings } from "../../dist/chunk/heading-count.js";
import { metadataOf, payloadOf } from "../../dist/export/payload.js";
import { planFiles } from "../../dist/export/plan.js";
import { exportFiles, peakBytes } from "../../dist/export/space.js";
import * as rag from "../../dist/index.js";
import {
  cacheBytes,
  chunkRunBytes,
  denseRunBytes,
  fuseRunBytes,
  rerankRunBytes,
  sparseRunBytes,
} from "../../dist/store/estimate.js";
import { corpusOf, sampleCorpus, sampleOptions, scratch } from "../lib/sample.ts";
import { writeZipfCorpus } from "../lib/zipf.ts";

async function sizes(dir: string): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (const entry of await readdir(dir, { withFileTypes: true }).catch(() => [])) {
    const file = entry.isFile() ? await stat(join(dir, entry.name)).catch(() => null) : null;
    if (file) found.set(entry.name, file.size);
  }
  return found;
}

const total = (values: Iterable<number>) => [...values].reduce((a, b) => a + b, 0);

/** Bytes that a stage wrote: its run's files, and its journals, which are gone when it is done. */
async function written<T extends rag.AnyRun>(session: rag.Session, work: Promise<T>): Promise<[T, number]> {
  const journals = new Map<string, number>();
  let going = true;
  const watch = (async () => {
    while (going) {
      for (const stage of ["dense", "sparse", "fuse", "rerank"]) {
        const dir = join(session.dir, "runs", stage);
        for (const run of await readdir(dir).catch(() => [])) {
          if (!run.endsWith(".partial")) continue;
          for (const [name, bytes] of await sizes(join(dir, run)))
            if (name.endsWith(".journal")) journals.set(name, Math.max(bytes, journals.get(name) ?? 0));
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  })();
  const run = await work;
  going = false;
  await watch;
  return [run, total((await sizes(run.dir)).values()) + total(journals.values())];
}

/** Every stage's estimate against what it wrote. */
async function compare(t: TestContext, files: string, most: Record<string, number>): Promise<void> {
  const session = await rag.openSession(sampleOptions(await scratch("estimate")));
  const check = (what: string, estimate: number, real: number) => {
    t.diagnostic(`${what}: ${real} bytes, estimated ${estimate}, ${(estimate / real).toFixed(2)} times`);
    assert.ok(estimate >= real, `${what} was estimated too small: ${estimate} of ${real}`);
    assert.ok(estimate <= (most[what] ?? 2) * real, `${what} was estimated too large: ${estimate} of ${real}`);
  };
  const [chunks, chunkBytes] = await written(session, rag.chunk(session, { files }));
  const all = await rag.readChunks(chunks);
  const texts = new Map<string, string[]>();
  for (const { document, text } of all) texts.set(document, [...(texts.get(document) ?? []), text]);
  const documents = [...texts].map(([name, parts]) => ({ name, source: parts.join("\n\n") }));
  const { bytes, headings, names } = documents.reduce(
    (sum, { name, source }) => ({
      bytes: sum.bytes + Buffer.byteLength(source),
      headings: sum.headings + countHeadings(source),
      names: sum.names + name.length,
    }),
    { bytes: 0, headings: 0, names: 0 },
  );
  const size = { documents: documents.length, bytes, headings, names, targetTokens: 256, overlapTokens: 0 };
  check("chunk", chunkRunBytes(size), chunkBytes);

  const pass = { rows: chunks.count, tokens: chunks.tokens, tokenBudget: session.settings.tokenBudget ?? 1024 };
  const [dense, denseBytes] = await written(session, rag.runDense(session, chunks));
  check("dense", denseRunBytes(pass, [{ dim: 128, kept: 128 }], 0), denseBytes);
  const [sparse, sparseBytes] = await written(session, rag.runSparse(session, chunks) as Promise<rag.SparseRun>);
  check("sparse", sparseRunBytes(pass, 1, true), sparseBytes);
  const bm25 = (await rag.runSparse(session, chunks, { models: ["bm25"] })) as rag.SparseRun;
  check("bm25", sparseRunBytes(pass, 0, true), total((await sizes(bm25.dir)).values()));

  const queries = rag.queries(["how do I export tables?", "which section has the words?"]);
  const [fused, fuseBytes] = await written(session, rag.fuse(session, queries, [dense, sparse]));
  check("fuse", fuseRunBytes(2, 100, 128 + 400), fuseBytes);
  const [ranked, rerankBytes] = await written(session, rag.rerank(session, fused) as Promise<rag.RerankRun>);
  check("rerank", rerankRunBytes(200, 40), rerankBytes);

  const collection = await rag.exportCollection(session, [chunks, dense, sparse, ranked]);
  const mean = (of: (chunk: rag.Chunk, row: number) => unknown) =>
    total(all.map((chunk, row) => Buffer.byteLength(JSON.stringify(of(chunk, row))) + 2)) / all.length;
  const inputs = {
    chunks,
    dense,
    sparse,
    rerank: ranked,
    textBytes: mean(({ text }) => text),
    metadataBytes: mean(metadataOf),
  };
  assert.ok(mean(payloadOf) <= inputs.textBytes + inputs.metadataBytes, "a payload is text and metadata, no more");
  const planned = exportFiles(inputs, planFiles("test", dense, sparse));
  for (const { path, bytes } of collection.files.filter(({ role }) =>
    ["dense", "index", "points", "sparse"].includes(role),
  )) {
    const estimate = planned.find((file) => file.path === path)?.bytes ?? 0;
    check(path, estimate, bytes);
  }
  check("export", peakBytes(planned, []), collection.bytes);
  session.close();
}

/** Small passes are mostly batches' records, which are estimated generously; their megabyte to spare is larger. */
const most = { fuse: 2.5, rerank: 4, bm25: 2.5 };

test("estimates hold for pages of the sample corpus", (t) =>
  compare(t, join(sampleCorpus, "{elsewhere,formats,retrieval}/*.md"), most));

test("estimates hold for 400 short sections", async (t) => {
  const dir = await scratch("zipf");
  await writeZipfCorpus(dir, 400);
  await compare(t, join(dir, "*.md"), most);
});

test("chunks of long text without headings, of many tiny sections, and with overlap", async () => {
  const session = await rag.openSession(sampleOptions(await scratch("estimate-chunk")));
  const prose = "The tide turns four times a day at this harbour, and the boats wait for it. ".repeat(4000);
  const tiny = Array.from({ length: 3000 }, (_, i) => `## ${i}\n\nOne line.\n`).join("\n");
  for (const [text, overlapTokens] of [
    [prose, 0],
    [tiny, 0],
    [prose.replaceAll(" The", "\n\nThe"), 64],
  ] as const) {
    const run = await rag.chunk(session, { files: join(await corpusOf({ "a.md": text }), "*.md"), overlapTokens });
    const real = total((await sizes(run.dir)).values());
    const size = { documents: 1, names: 4, bytes: text.length, headings: countHeadings(text), targetTokens: 256 };
    const estimate = chunkRunBytes({ ...size, overlapTokens });
    assert.ok(estimate >= real && estimate <= 2 * real, `${estimate} for ${real}, ${run.count} chunks`);
  }
  session.close();
});

test("headings are counted generously, and at the first character", () => {
  assert.equal(countHeadings("# A\n\ntext\n\n## B\n\nC\n==\n\nD\n---\n"), 4);
  assert.equal(countHeadings("no heading, not even # here"), 0);
});

test("files that replace others need the room of what they are larger by, and of one written aside", () => {
  const files = [
    { path: "a", bytes: 10 },
    { path: "b", bytes: 50 },
    { path: "c", bytes: 20 },
  ];
  assert.equal(peakBytes(files, []), 80);
  assert.equal(peakBytes(files, [10, 50, 20]), 50);
  assert.equal(peakBytes(files, [10, 0, 20]), 70);
  assert.equal(peakBytes([], []), 0);
});

test("what the vector cache grows by is counted, up to its limit", async (t) => {
  const dir = await scratch("cache-size");
  const vectorCache = join(dir, "vectors.sqlite");
  const session = await rag.openSession(sampleOptions(dir, { vectorCache }));
  const chunks = await rag.chunk(session, { files: join(sampleCorpus, "rag-cells/*.md") });
  await rag.runDense(session, chunks);
  const real = (await rag.cacheStats(session)).bytes;
  session.close();
  const { settings } = session;
  const estimate = cacheBytes(chunks.count, [4 * 128], settings);
  t.diagnostic(`${estimate} estimated, ${real} taken, for ${chunks.count} vectors`);
  // An empty file and its log have a size of their own.
  assert.ok(estimate > 0.5 * real && estimate < 2 * real, `${estimate} of ${real}`);
  assert.equal(cacheBytes(1000, [512], { ...settings, vectorCacheBytes: 9000 }), 9000);
  assert.equal(cacheBytes(1000, [512], { ...settings, vectorCache: null }), 0);
});
