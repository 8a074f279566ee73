import assert from "node:assert/strict";
import { mkdir, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import * as rag from "../../dist/index.js";
import { corpusOf, modelsCopy, sampleOptions, scratch, smallCorpus } from "../lib/sample.ts";

const fail = async (work: Promise<unknown>) =>
  (await work.then(
    () => assert.fail("no error"),
    (error) => error,
  )) as rag.RagError;

async function chunkError(files: string): Promise<rag.RagError> {
  const session = await rag.openSession(sampleOptions(await scratch("bad")));
  const error = await fail(rag.chunk(session, { files }));
  await assert.rejects(rag.latest(session, "chunk"), { code: "no_run_yet" }, "nothing was stored");
  session.close();
  return error;
}

test("an empty folder, a folder that is not there, a pattern that matches nothing", async () => {
  const empty = await scratch("empty");
  const nothing = await chunkError(join(empty, "**/*.md"));
  assert.equal(nothing.code, "no_documents");
  assert.ok(nothing.message.includes(empty));
  assert.equal((await chunkError(join(empty, "missing", "*.md"))).code, "folder_missing");
  const other = await chunkError(join(await corpusOf(smallCorpus), "*.markdown"));
  assert.match(other.message, /bread\.md/, "what is there is named");
});

test("a file that is no UTF-8 is named with the byte where it goes wrong", async () => {
  const dir = await corpusOf({ ...smallCorpus, "latin.md": Buffer.from("# Caf\u00e9 in Latin-1\n", "latin1") });
  const error = await chunkError(join(dir, "*.md"));
  assert.equal(error.code, "not_utf8");
  assert.match(error.message, /latin\.md.*\b5\b/s);
});

test("one word of 2 MB is refused at once", async () => {
  const dir = await corpusOf({ "word.md": `# Data\n\n${"x".repeat(2_000_000)}\n` });
  const start = performance.now();
  const error = await chunkError(join(dir, "*.md"));
  assert.equal(error.code, "word_too_long");
  assert.match(error.message, /word\.md/);
  assert.ok(performance.now() - start < 3000);
});

test("a kind of file that can't be read is an error, not skipped", async () => {
  const error = await chunkError(join(await corpusOf({ ...smallCorpus, "paper.pdf": "%PDF-1.7" }), "*"));
  assert.equal(error.code, "unsupported_documents");
  assert.match(error.message, /paper\.pdf/);
});

test("model files that are missing are all named at once, before anything runs", async () => {
  const models = await modelsCopy();
  await rm(join(models, "rag-cells-sample-dense/onnx/model.onnx"));
  await rm(join(models, "rag-cells-sample-rerank/tokenizer.json"));
  const session = await rag.openSession({ ...sampleOptions(await scratch("missing")), modelDirs: [models] });
  const error = await fail(rag.primeCache(session));
  assert.equal(error.code, "model_files_missing");
  assert.match(error.message, /onnx\/model\.onnx/);
  assert.match(error.message, /tokenizer\.json/);
  session.close();
});

test("weights that were cut off or are something else are an error with the model's name", async () => {
  for (const damage of [
    (path: string) => truncate(path, 100_000),
    (path: string) => writeFile(path, "<html>not found</html>"),
  ]) {
    const models = await modelsCopy();
    const session = await rag.openSession({ ...sampleOptions(await scratch("damaged")), modelDirs: [models] });
    const chunks = await rag.chunk(session, { files: join(await corpusOf(smallCorpus), "*.md") });
    await damage(join(models, "rag-cells-sample-dense/onnx/model.onnx"));
    const locked = await fail(rag.runDense(session, chunks));
    assert.equal(locked.code, "model_files_missing");
    assert.match(locked.message, /onnx\/model\.onnx \(about 2\.97 MB\): cut off/);
    // Without a lock file nothing says what the file should be, and the runtime has to find out.
    await rm(join(models, "models.lock.json"));
    const error = await fail(rag.runDense(session, chunks));
    assert.equal(error.code, "model_not_loaded");
    assert.match(error.message, /sample-dense/);
    session.close();
  }
});

test("stages in the wrong order, or something that is no run, are refused by what they are", async () => {
  const session = await rag.openSession(sampleOptions(await scratch("order")));
  const chunks = await rag.chunk(session, { files: join(await corpusOf(smallCorpus), "*.md") });
  const queries = rag.queries(["tides?"]);
  const any = (value: unknown) => value as never;
  for (const work of [
    rag.runDense(session, any(queries)),
    rag.runSparse(session, any(undefined)),
    rag.fuse(session, any(chunks), any([])),
    rag.fuse(session, queries, any([chunks])),
    rag.rerank(session, any(chunks)),
    rag.exportCollection(session, any([queries])),
    rag.readVectors(any(chunks)),
  ]) {
    assert.equal((await fail(work)).code, "wrong_run");
  }
  assert.equal((await fail(rag.fuse(session, queries, []))).code, "nothing_to_fuse");
  session.close();
});

test("a stored run that was damaged is refused with the way out, and rerun makes it anew", async () => {
  const session = await rag.openSession(sampleOptions(await scratch("damaged-run")));
  const files = join(await corpusOf(smallCorpus), "*.md");
  const chunks = await rag.chunk(session, { files });
  await truncate(join(chunks.dir, "run.json"), 40);
  const error = await fail(rag.chunk(session, { files }));
  assert.equal(error.code, "run_damaged");
  assert.match(error.message, /rerun: true/);
  const again = await rag.chunk(session, { files, rerun: true });
  assert.equal(again.id, chunks.id);
  const dense = await rag.runDense(session, again);
  await truncate(join(dense.dir, dense.vectors[0]?.file as string), 300);
  assert.equal((await fail(rag.readVectors(dense))).code, "array_damaged");
  session.close();
});

test("a document with nothing in it is counted, a corpus of nothing is an error of the pass", async () => {
  const session = await rag.openSession(sampleOptions(await scratch("blank")));
  const dir = await corpusOf({ "a.md": "# One\n\nWords.\n", "blank.md": " \n\n\t\n" });
  const chunks = await rag.chunk(session, { files: join(dir, "*.md") });
  assert.deepEqual(
    chunks.notes.map(({ code, count }) => [code, count]),
    [["empty_documents", 1]],
  );
  await mkdir(join(dir, "only"));
  await writeFile(join(dir, "only/blank.md"), "\n");
  const none = await rag.chunk(session, { files: join(dir, "only/*.md") });
  assert.equal((await fail(rag.runDense(session, none))).code, "empty_corpus");
  session.close();
});
