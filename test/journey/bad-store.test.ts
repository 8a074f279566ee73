import assert from "node:assert/strict";
import { cp, mkdir, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, type TestContext, test } from "node:test";
import * as rag from "../../dist/index.js";
import { writeNpy } from "../../dist/store/npy.js";
import { journaledBytes } from "../lib/journals.ts";
import { tmpfs } from "../lib/mounts.ts";
import { until } from "../lib/processes.ts";
import { corpusOf, sampleOptions, scratch, smallCorpus } from "../lib/sample.ts";

const patterns = "**/*.{md,txt}";
const options = (dir: string) => sampleOptions(dir, { tokenBudget: 64 });

async function fail(work: Promise<unknown>): Promise<rag.RagError> {
  const error = await work.then(
    () => assert.fail("no error"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof rag.RagError, (error as Error).stack);
  return error;
}

/** Holds a session in which the first three stages were run once, for all tests. */
let made = "";
let files = "";
before(async () => {
  files = join(await corpusOf(smallCorpus), patterns);
  made = await scratch("made");
  (await computed(made)).session.close();
});

/** A copy of that session, and the calls that made its runs. */
async function filled(dir: string) {
  await cp(made, dir, { recursive: true });
  const session = await rag.openSession(options(dir));
  const vectors = await rag.latest(session, "dense");
  const terms = (await rag.latest(session, "sparse")) as rag.SparseRun;
  return { ...callsOf(session, await rag.latest(session, "chunk")), vectors, terms };
}

/** A session with chunks and vectors, and the calls that made them. */
async function computed(dir: string) {
  const session = await rag.openSession(options(dir));
  const calls = callsOf(session, await rag.chunk(session, { files }));
  return { ...calls, vectors: await calls.dense(), terms: await calls.sparse() };
}

function callsOf(session: rag.Session, chunks: rag.ChunkRun) {
  const chunk = (more: { rerun?: boolean } = {}) => rag.chunk(session, { files, ...more });
  const dense = (more: { rerun?: boolean } = {}) => rag.runDense(session, chunks, more);
  const sparse = async (more: { rerun?: boolean } = {}) =>
    (await rag.runSparse(session, chunks, more)) as rag.SparseRun;
  return { session, chunk, dense, sparse, chunks };
}

test("a run.json that is cut off, empty, foreign or of another run: the error names run, file and way out, and rerun goes that way", async () => {
  const { session, chunk, dense, vectors, chunks } = await filled(await scratch("run-json"));
  const path = join(vectors.dir, "run.json");
  const whole = await readFile(path, "utf8");
  const damaged = [
    whole.slice(0, 40),
    whole.slice(0, -3),
    "",
    "null",
    "[]",
    '{"kind": "dense"}',
    whole.replace(vectors.id, chunks.id),
    whole.replace('"rag-cells/run@1"', '"rag-cells/run@0"'),
    "\u0000".repeat(whole.length),
  ];
  for (const text of damaged) {
    await writeFile(path, text);
    for (const error of [await fail(dense()), await fail(rag.latest(session, "dense"))]) {
      assert.equal(error.code, "run_damaged", text.slice(0, 60));
      assert.ok(error.message.includes(vectors.id) && error.message.includes("run.json"), error.message);
      assert.match(error.message, /\{ rerun: true \}/);
    }
  }
  const again = await dense({ rerun: true });
  assert.ok(again.id === vectors.id && !again.reused);
  assert.ok((await dense()).reused);
  await truncate(join(chunks.dir, "run.json"), 100);
  assert.equal((await fail(chunk())).code, "run_damaged");
  await rm(chunks.dir, { recursive: true });
  assert.equal((await chunk()).id, chunks.id, "the other way out: the folder removed");
  session.close();
});

test("a run of a newer version is not taken for damaged: the error says who made it", async () => {
  const { session, dense, vectors } = await filled(await scratch("newer"));
  const path = join(vectors.dir, "run.json");
  const newer = (await readFile(path, "utf8")).replace("rag-cells/run@1", "rag-cells/run@12");
  await writeFile(path, newer);
  const error = await fail(dense());
  assert.equal(error.code, "run_newer");
  assert.ok(error.message.includes(vectors.id) && error.message.includes("rag-cells/run@12"), error.message);
  assert.equal(await readFile(path, "utf8"), newer, "it is left as it is");
  assert.ok(!(await dense({ rerun: true })).reused);
  session.close();
});

test("arrays of another size, cut off or missing are refused wherever they are read, with the file's name", async () => {
  const { session, chunks, vectors, terms, dense, sparse } = await filled(await scratch("arrays"));
  const queries = rag.queries(["when does the water turn?"]);
  const { file, rows, dim } = vectors.vectors[0] as rag.DenseVectors;
  const path = join(vectors.dir, file);
  const whole = await readFile(path);
  const damage = {
    "one row less": () => writeNpy(path, new Float32Array((rows - 1) * dim), [rows - 1, dim]),
    "half as wide": () => writeNpy(path, new Float32Array((rows * dim) / 2), [rows, dim / 2]),
    "other numbers": () => writeNpy(path, new Uint32Array(rows * dim), [rows, dim]),
    "cut off": () => writeFile(path, whole.subarray(0, -8)),
    "no header": () => writeFile(path, "vectors"),
    gone: () => rm(path),
  };
  for (const [name, work] of Object.entries(damage)) {
    await work();
    for (const reading of [
      () => rag.readVectors(vectors),
      () => rag.fuse(session, queries, [vectors]),
      () => rag.exportCollection(session, [chunks, vectors]),
    ]) {
      const error = await fail(reading());
      assert.equal(error.code, "array_damaged", name);
      assert.ok(error.message.includes(file) || error.message.includes(vectors.id), `${name}: ${error.message}`);
      assert.match(error.message, /rerun: true/);
    }
  }
  assert.ok((await readFile(join((await dense({ rerun: true })).dir, file))).equals(whole), "rerun brings it back");

  const splade = terms.vectors[0] as rag.SparseVectors;
  await writeNpy(join(terms.dir, splade.files.values), new Float32Array(splade.terms - 1), [splade.terms - 1]);
  for (const reading of [
    () => rag.readSparse(terms),
    () => rag.fuse(session, queries, [terms]),
    () => rag.exportCollection(session, [chunks, terms]),
  ])
    assert.equal((await fail(reading())).code, "array_damaged");
  assert.equal((await rag.readSparse(await sparse({ rerun: true }))).rows, splade.rows);
  session.close();
});

test("chunk files that do not fit each other are refused before a model runs, not read short", async () => {
  const { session, chunk, chunks } = await filled(await scratch("chunks"));
  const lines = join(chunks.dir, "chunks.jsonl");
  const offsets = join(chunks.dir, "chunks.offsets.npy");
  const [text, index] = [await readFile(lines), await readFile(offsets)];
  const changed = Buffer.from(text);
  changed[text.length >> 1] = 10;
  const damage: [string, () => Promise<unknown>][] = [
    ["lines cut off", () => writeFile(lines, text.subarray(0, -20))],
    ["lines altered", () => writeFile(lines, changed)],
    ["offsets of fewer rows", () => writeNpy(offsets, new Float64Array([0, text.length]), [2])],
    ["offsets that go down", () => writeNpy(offsets, downwards(chunks.count, text.length), [chunks.count + 1])],
    ["lines gone", () => rm(lines)],
  ];
  for (const [name, work] of damage) {
    await writeFile(lines, text);
    await writeFile(offsets, index);
    await work();
    for (const reading of [() => rag.readChunks(chunks), () => rag.runDense(session, chunks, { rerun: true })]) {
      const error = await fail(reading());
      assert.equal(error.code, "array_damaged", name);
      assert.ok(error.message.includes("chunks."), error.message);
    }
  }
  await chunk({ rerun: true });
  assert.deepEqual(await readFile(lines), text);
  session.close();
});

function downwards(count: number, bytes: number): Float64Array {
  const offsets = Float64Array.from({ length: count + 1 }, (_, row) => row);
  offsets[count] = bytes;
  offsets[1] = 0;
  return offsets;
}

test("a journal that is another corpus's, cut off or no journal is not taken over, and the vectors are right", async (t) => {
  const documents = Object.fromEntries(
    Array.from({ length: 30 }, (_, d) => [
      `d${d}.md`,
      `# Document ${d}\n\n${`Sentence ${d} about tides. `.repeat(3 + (d % 7))}\n`,
    ]),
  );
  const mine = join(await corpusOf(documents), patterns);
  const others = join(await corpusOf({ ...documents, "d1.md": "# Bread\n\nFlour and water.\n" }), patterns);
  const journal = await halfDone(t, others);
  const session = await rag.openSession(options(await scratch("undisturbed")));
  const chunks = await rag.chunk(session, { files: mine });
  const wanted = await rag.runDense(session, chunks);
  const right = await rag.readVectors(wanted);
  await rm(wanted.dir, { recursive: true });

  const mineHalf = await halfDone(t, mine);
  const header = mineHalf.length - (await journaledBytesOf(mineHalf));
  const left: [string, Buffer, number | null, boolean][] = [
    ["another corpus's", journal, 0, true],
    ["cut in its first line", mineHalf.subarray(0, 40), 0, false],
    ["cut in its plan", mineHalf.subarray(0, header - 20), 0, false],
    ["nothing", Buffer.alloc(0), 0, false],
    ["garbage", Buffer.from("\u0000\n{}\nLNRJ".repeat(500)), 0, true],
    ["zeros", Buffer.alloc(100_000), 0, false],
    ["cut in its last batch", mineHalf.subarray(0, -10), null, false],
  ];
  for (const [name, bytes, resumed, noted] of left) {
    const partial = `${wanted.dir}.partial`;
    await mkdir(partial);
    await writeFile(join(partial, "sample-dense.journal"), bytes);
    const run = await rag.runDense(session, chunks);
    if (resumed === null) assert.ok(run.resumedBatches > 0, name);
    else assert.equal(run.resumedBatches, resumed, name);
    assert.deepEqual(
      run.notes.map(({ code }) => code),
      noted ? ["journal_discarded"] : [],
      name,
    );
    assert.deepEqual((await rag.readVectors(run)).data, right.data, name);
    assert.deepEqual((await readdir(run.dir)).sort(), ["run.json", "sample-dense.vectors.npy"]);
    await rm(run.dir, { recursive: true });
  }
  session.close();
});

/** The journal of a dense pass over these files that was stopped half way. */
async function halfDone(t: TestContext, files: string): Promise<Buffer> {
  const session = await rag.openSession(options(await scratch("half")));
  const running = rag.runDense(session, await rag.chunk(session, { files }));
  running.catch(() => {});
  const stage = join(session.dir, "runs/dense");
  const path = await until(async () => {
    const [run] = await readdir(stage).catch(() => []);
    const found = run?.endsWith(".partial") ? join(stage, run, "sample-dense.journal") : null;
    return found && (await journaledBytes(found)) > 4000 ? found : null;
  }, "some batches");
  process.kill(process.pid, "SIGINT");
  await assert.rejects(running, { code: "stopped" });
  t.after(() => session.close());
  return readFile(path);
}

async function journaledBytesOf(journal: Buffer): Promise<number> {
  const path = join(await scratch("journal"), "a.journal");
  await writeFile(path, journal);
  return journaledBytes(path);
}

test("a session on a disk that has become read-only: each cell says so, what is there can be read, and on a copy it goes on", async (t) => {
  const disk = await tmpfs(t, "size=16m");
  if (!disk) return;
  const { session, chunks, vectors, dense } = await filled(disk.dir);
  disk.remount("ro");
  const queries = rag.queries(["when does the water turn?"]);
  for (const work of [dense, () => dense({ rerun: true }), () => rag.fuse(session, queries, [vectors])]) {
    const error = await fail(work());
    assert.equal(error.code, "store_write_failed");
    assert.match(error.message, /read-only.*disk that can be written/s);
  }
  assert.equal((await rag.latest(session, "dense")).id, vectors.id);
  assert.equal((await rag.readVectors(vectors)).rows, chunks.count);
  disk.remount("rw");
  session.close();
  disk.remount("ro");
  assert.match((await fail(rag.openSession(options(disk.dir)))).message, /read-only/);
  const copy = await scratch("copy");
  await cp(disk.dir, copy, { recursive: true });
  const moved = await rag.openSession(options(copy));
  const again = await rag.latest(moved, "chunk");
  assert.ok((await rag.runDense(moved, again)).reused);
  moved.close();
});

test("a history with torn, empty and foreign lines keeps every whole one, and the next line is not glued to a torn one", async () => {
  const { session, chunk, dense } = await filled(await scratch("history"));
  const path = join(session.dir, "history.jsonl");
  const whole = await readFile(path, "utf8");
  await writeFile(path, `\n\nnull\n5\n{"stage":"dense"}\n\u0000\u0000\n${whole}{"stage":"dense","id":"den`);
  assert.ok((await chunk()).reused && (await dense()).reused);
  const table = await rag.history(session);
  assert.deepEqual(table.array("stage"), ["chunk", "dense", "sparse", "chunk", "dense"]);
  await rm(path);
  await mkdir(path);
  const error = await fail(rag.history(session));
  assert.equal(error.code, "store_unreadable");
  assert.ok(error.message.includes("history.jsonl"), error.message);
  session.close();
});

test("a clock that is set back: runs keep their order, no stage ends before it began, and the export is whole", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: Date.UTC(2030, 0, 1) });
  const { session, chunks, vectors, terms, chunk } = await computed(await scratch("clock"));
  t.mock.timers.reset();
  t.mock.timers.enable({ apis: ["Date"], now: Date.UTC(2020, 0, 1) });
  const queries = rag.queries(["when does the water turn?"]);
  const fused = await rag.fuse(session, queries, [vectors, terms]);
  const ranked = await rag.rerank(session, fused);
  const collection = await rag.exportCollection(session, [chunks, vectors, terms, ranked]);
  assert.ok(collection.checks.every(({ passed }) => passed));
  const { telemetry } = JSON.parse(await readFile(collection.manifest, "utf8")) as {
    telemetry: { spans: Record<string, { start: string; end: string; attributes: Record<string, unknown> }> };
  };
  for (const [name, { start, end, attributes }] of Object.entries(telemetry.spans)) {
    assert.ok(start <= end, `${name}: ${start} to ${end}`);
    for (const [key, value] of Object.entries(attributes)) assert.ok(typeof value !== "number" || value >= 0, key);
  }
  assert.ok((await chunk()).reused);
  const table = await rag.history(session);
  assert.deepEqual(table.array("stage"), ["chunk", "dense", "sparse", "fuse", "rerank", "export", "chunk"]);
  assert.ok((await rag.latest(session, "chunk")).id === chunks.id);
  session.close();
});
