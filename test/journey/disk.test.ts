import assert from "node:assert/strict";
import { cp, open, readdir, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { test } from "node:test";
import * as rag from "../../dist/index.js";
import { diskUsage } from "../../dist/store/disk.js";
import { tmpfs } from "../lib/mounts.ts";
import { until } from "../lib/processes.ts";
import { corpusOf, sampleModels, sampleOptions, scratch, smallCorpus } from "../lib/sample.ts";

/** A corpus of about 3 MB. */
async function largeCorpus(): Promise<string> {
  const documents: Record<string, string> = {};
  for (let d = 0; d < 60; d++) {
    documents[`d${d}.md`] = Array.from(
      { length: 100 },
      (_, s) => `## Part ${d}.${s}\n\n${`Words of document ${d} and part ${s}. `.repeat(14)}\n`,
    ).join("\n");
  }
  return corpusOf(documents);
}

/** Takes all the room that is left on a disk, or gives it back. */
async function fill(dir: string): Promise<() => Promise<void>> {
  const path = join(dir, "filler");
  const file = await open(path, "w");
  for (let bytes = 1 << 16; bytes >= 512; bytes /= 2) {
    while (await file.write(Buffer.alloc(bytes)).catch(() => null)) {}
  }
  await file.close();
  return () => rm(path);
}

const refused = (work: Promise<unknown>) =>
  work.then(
    () => assert.fail("it fitted"),
    (e: rag.RagError) => e,
  );

test("a stage that can't fit is refused before it begins, with the figures; with room the cell goes on", async (t) => {
  const disk = await tmpfs(t, "size=2m");
  if (!disk) return;
  const session = await rag.openSession({ ...sampleOptions(disk.dir), sparse: ["bm25"] });
  const files = join(await largeCorpus(), "*.md");
  const error = await refused(rag.chunk(session, { files }));
  assert.equal(error.code, "disk_too_small");
  assert.match(
    error.message,
    /^The chunk stage needs up to [78]\.\d+ MB in .*, where 2\.0\d MB are free\. .*dir on another disk/,
  );
  assert.deepEqual(await readdir(session.dir), ["session.json", "session.lock"]);
  disk.remount("size=256m");
  const chunks = await rag.chunk(session, { files });
  assert.equal(chunks.count, 6000);

  disk.remount("size=8m");
  const dense = await refused(rag.runDense(session, chunks));
  assert.match(dense.message, /^The dense stage needs up to [789]\.\d+ MB/);
  await assert.rejects(stat(join(session.dir, "runs/dense")), { code: "ENOENT" });
  assert.ok((await rag.chunk(session, { files })).reused, "what is stored needs no room");
  session.close();
});

test("an export is held against the disk of its own folder", async (t) => {
  const disk = await tmpfs(t, "size=1m");
  if (!disk) return;
  const session = await rag.openSession({ ...sampleOptions(await scratch("export-disk")), sparse: ["bm25"] });
  const chunks = await rag.chunk(session, { files: join(await corpusOf(smallCorpus), "*.md") });
  const dense = await rag.runDense(session, chunks);
  const folder = join(disk.dir, "collection");
  const error = await refused(rag.exportCollection(session, [chunks, dense], { folder }));
  assert.equal(error.code, "disk_too_small");
  assert.match(
    error.message,
    /^The export stage needs .*collection".*exportCollection\(session, runs, \{ folder \}\)\.$/,
  );
  disk.remount("size=2m");
  const first = await rag.exportCollection(session, [chunks, dense], { folder });
  assert.ok((await rag.exportCollection(session, [chunks, dense], { folder })).reused && first.points === chunks.count);
  session.close();
});

test("the disk fills while a stage writes: an error that says so, and nothing half-written counts", async (t) => {
  const disk = await tmpfs(t, "size=16m");
  if (!disk) return;
  const session = await rag.openSession({ ...sampleOptions(disk.dir), sparse: ["bm25"] });
  const files = join(await largeCorpus(), "*.md");
  const running = refused(rag.chunk(session, { files }));
  await until(
    async () => ((await readdir(join(session.dir, "runs/chunk")).catch(() => [])).length > 0 ? 1 : null),
    "it",
  );
  const empty = await fill(disk.dir);
  const error = await running;
  assert.equal(error.code, "store_write_failed");
  assert.match(error.message, /disk is full.*run the cell again/s);
  await assert.rejects(rag.latest(session, "chunk"), { code: "no_run_yet" });
  await empty();
  assert.equal((await rag.chunk(session, { files })).count, 6000);
  session.close();
});

test("the disk fills while a model runs: what was finished is kept, and counts as written", async (t) => {
  const disk = await tmpfs(t, "size=64m");
  if (!disk) return;
  const session = await rag.openSession({ ...sampleOptions(disk.dir), tokenBudget: 256 });
  const documents = Object.fromEntries(
    Array.from({ length: 120 }, (_, d) => [
      `d${d}.md`,
      `# Document ${d}\n\n${`Sentence ${d} about tides. `.repeat(20)}\n`,
    ]),
  );
  const chunks = await rag.chunk(session, { files: join(await corpusOf(documents), "*.md") });
  const running = refused(rag.runSparse(session, chunks));
  const partial = async () => {
    const [run] = await readdir(join(session.dir, "runs/sparse")).catch(() => []);
    return run === undefined ? 0 : diskUsage(join(session.dir, "runs/sparse", run));
  };
  await until(async () => ((await partial()) > 20_000 ? 1 : null), "some batches");
  const empty = await fill(disk.dir);
  assert.equal((await running).code, "store_write_failed");
  await empty();
  const written = await partial();
  const sparse = await rag.runSparse(session, chunks);
  assert.ok(sparse.kind === "sparse" && sparse.count === chunks.count && sparse.resumedBatches > 0);
  t.diagnostic(`${written} bytes of ${sparse.resumedBatches} batches were kept`);
  session.close();
});

test("a read-only model cache serves, and nothing is written there", async (t) => {
  const disk = await tmpfs(t, "size=32m");
  if (!disk) return;
  await cp(sampleModels, disk.dir, { recursive: true });
  disk.remount("ro");
  const session = await rag.openSession({ ...sampleOptions(await scratch("ro")), modelDirs: [disk.dir] });
  const { models } = await rag.primeCache(session);
  assert.ok(models.every(({ model }) => model.servedFrom.startsWith(basename(disk.dir))));
  const chunks = await rag.chunk(session, { files: join(await corpusOf(smallCorpus), "*.md") });
  assert.equal((await rag.runDense(session, chunks)).count, chunks.count);
  session.close();
});

test("a session on a read-only disk is refused with the way out", async (t) => {
  const disk = await tmpfs(t, "size=1m,ro");
  if (!disk) return;
  const error = await rag.openSession(sampleOptions(disk.dir)).then(
    () => assert.fail("it opened"),
    (e: rag.RagError) => e,
  );
  assert.equal(error.code, "store_write_failed");
  assert.match(error.message, /read-only/);
});
