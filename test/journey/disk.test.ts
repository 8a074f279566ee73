import assert from "node:assert/strict";
import { cp } from "node:fs/promises";
import { basename, join } from "node:path";
import { test } from "node:test";
import * as rag from "../../dist/index.js";
import { tmpfs } from "../lib/mounts.ts";
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

test("a full disk is an error that says so, nothing half-written counts, and with room the cell goes on", async (t) => {
  const disk = await tmpfs(t, "size=2m");
  if (!disk) return;
  const session = await rag.openSession({ ...sampleOptions(disk.dir), sparse: ["bm25"] });
  const files = join(await largeCorpus(), "*.md");
  const error = await rag.chunk(session, { files }).then(
    () => assert.fail("it fitted"),
    (e: rag.RagError) => e,
  );
  assert.equal(error.code, "store_write_failed");
  assert.match(error.message, /disk is full.*run the cell again/s);
  await assert.rejects(rag.latest(session, "chunk"), { code: "no_run_yet" });
  disk.remount("size=256m");
  const chunks = await rag.chunk(session, { files });
  assert.equal(chunks.count, 6000);
  session.close();
});

test("the disk fills while a model runs: what was finished is kept", async (t) => {
  const disk = await tmpfs(t, "size=64m");
  if (!disk) return;
  const session = await rag.openSession({ ...sampleOptions(disk.dir), tokenBudget: 256 });
  const documents = Object.fromEntries(
    Array.from({ length: 30 }, (_, d) => [
      `d${d}.md`,
      `# Document ${d}\n\n${`Sentence ${d} about tides. `.repeat(20)}\n`,
    ]),
  );
  const chunks = await rag.chunk(session, { files: join(await corpusOf(documents), "*.md") });
  disk.remount("size=96k");
  const error = await rag.runSparse(session, chunks).then(
    () => assert.fail("it fitted"),
    (e: rag.RagError) => e,
  );
  assert.equal(error.code, "store_write_failed");
  disk.remount("size=64m");
  const sparse = await rag.runSparse(session, chunks);
  assert.ok(sparse.kind === "sparse" && sparse.count === chunks.count);
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
