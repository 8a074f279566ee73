import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { access, cp, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { before, test } from "node:test";
import * as rag from "../../dist/index.js";
import { tmpfs } from "../lib/mounts.ts";
import { until } from "../lib/processes.ts";
import { smallCorpus } from "../lib/sample.ts";
import type { Move } from "./move-child.ts";
import { anotherMachine, entriesOf, filesBelow, runCells } from "./sessions.ts";

const index = resolve(import.meta.dirname, "../../dist/index.js");
const mover = join(import.meta.dirname, "move-child.ts");
/** Small batches, so that a pass can be stopped between them. */
const small = { tokenBudget: 160 };
const documents: Record<string, string> = { ...smallCorpus };
for (let d = 0; d < 9; d++)
  documents[`d${d}.md`] = Array.from(
    { length: 10 },
    (_, s) => `## Part ${s}\n\n${`Sentence ${d} of part ${s} about tides and ranks. `.repeat(1 + ((d * 7 + s) % 9))}\n`,
  ).join("\n");
/** A session that nothing disturbed, as a pack. */
let whole: rag.SessionPack;
/** Its dense run. */
let wholeDense: rag.DenseRun;
/** What it has in its chunk, dense and sparse runs, by path. */
let undisturbed: Map<string, Buffer>;

/** Arrays and vocabularies: what a run computed, without when and how fast. */
function computed(files: ReadonlyMap<string, Buffer>): Map<string, Buffer> {
  return new Map([...files].filter(([path]) => /^runs\/(chunk|dense|sparse)\/.*\.(npy|jsonl|txt)$/.test(path)));
}

const sameFiles = (files: Map<string, Buffer>) => {
  assert.deepEqual([...computed(files).keys()].sort(), [...undisturbed.keys()].sort());
  for (const [path, bytes] of computed(files)) assert.ok(bytes.equals(undisturbed.get(path) as Buffer), path);
};

/** A session whose dense pass was killed or stopped half-way, its process gone. */
async function halfWay(how: "SIGKILL" | "SIGINT") {
  const here = await anotherMachine(documents);
  const options = here.options(small);
  const script = `import(${JSON.stringify(index)}).then(async (rag) => {
    const session = await rag.openSession(${JSON.stringify(options)});
    await rag.runDense(session, await rag.chunk(session, { files: ${JSON.stringify(here.files)} }));
  }).catch((error) => { console.log(error.code); process.exit(1); })`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  const stage = join(here.root, "test/runs/dense");
  await until(async () => {
    for (const run of await readdir(stage).catch(() => [])) {
      const bytes = await stat(join(stage, run, "sample-dense.journal")).then(
        ({ size }) => size,
        () => 0,
      );
      if (bytes > 8_000) return true;
    }
    return null;
  }, "the journal to grow");
  child.kill(how);
  await once(child, "exit");
  return here;
}

before(async () => {
  const here = await anotherMachine(documents);
  const session = await rag.openSession(here.options(small));
  wholeDense = (await runCells(session, here.files)).dense;
  undisturbed = computed(await filesBelow(session.dir));
  whole = await rag.packSession(session);
  session.close();
});

for (const how of ["SIGKILL", "SIGINT"] as const)
  test(`${how} in a dense pass, packed by a new process, opened on another machine: it goes on, and gives the same bytes`, async (t) => {
    const here = await halfWay(how);
    const to = join(here.root, "taken-along.zip");
    const move: Move = { options: here.options(small), verb: "pack", to, killAt: 0 };
    const packed = spawnSync(process.execPath, [mover, JSON.stringify(move)], { encoding: "utf8" });
    assert.equal(packed.status, 0, packed.stderr);
    const manifest = JSON.parse(String((await entriesOf(to)).get("session-pack.json")));
    const { batches } = manifest.runs.find((run: { state: string }) => run.state === "in the making");
    const there = await anotherMachine(documents);
    await cp(to, join(there.root, "upload.zip"));
    // What was on the first machine is gone.
    for (const gone of [here.root, here.corpus, here.models]) await rm(gone, { recursive: true });

    const options = { ...there.options(small), name: "moved", from: join(there.root, "upload.zip") };
    const session = await rag.openSession(options);
    assert.deepEqual([session.name, session.dir], ["moved", join(there.root, "moved")]);
    const { chunks, dense, collection } = await runCells(session, there.files);
    assert.ok(chunks.reused, "a finished stage is not computed again");
    assert.ok(batches > 3 && dense.resumedBatches === batches && dense.telemetry.batches.length > batches);
    assert.ok(collection.checks.every(({ passed }) => passed));
    sameFiles(await filesBelow(session.dir));
    t.diagnostic(`${batches} of ${dense.telemetry.batches.length} batches came along`);
    session.close();
    // The cell is run again after a restart: what was done since is there.
    const again = await rag.openSession(options);
    assert.ok((await rag.latest(again, "dense")).reused);
    assert.ok((await runCells(again, there.files)).collection.reused);
    again.close();
  });

test("everything finished: on the other machine every cell is reused, from a read-only folder with the unpacked content", async (t) => {
  const disk = await tmpfs(t, "size=64m");
  if (!disk) return;
  // As an attached dataset has it: unpacked, a folder deeper, files of no bytes perhaps lost.
  for (const [name, bytes] of await entriesOf(whole.path)) {
    if (bytes.length === 0) continue;
    const place = join(disk.dir, "slug/test.session", name);
    await mkdir(dirname(place), { recursive: true });
    await writeFile(place, bytes);
  }
  disk.remount("ro");
  const there = await anotherMachine(documents);
  const { name: _, ...options } = there.options(small);
  const session = await rag.openSession({ ...options, from: disk.dir });
  assert.equal(session.name, "test");
  const again = await runCells(session, there.files);
  for (const run of Object.values(again)) assert.ok(run.reused, run.kind);
  assert.equal(again.dense.id, wholeDense.id);
  assert.equal(again.collection.folder, session.dir);
  assert.ok((await readFile(join(session.dir, "processing_summary.json"))).length > 0);
  sameFiles(await filesBelow(session.dir));
  assert.ok((await filesBelow(session.dir)).size >= whole.files);
  // And on from there to a third one.
  const third = await rag.packSession(session);
  session.close();
  const last = await anotherMachine(documents);
  const opened = await rag.openSession({ ...last.options(small), name: "third", from: third.path });
  assert.ok((await runCells(opened, last.files)).dense.reused);
  opened.close();
});

test("the vector cache goes along if asked: a document that changes there costs its own chunks only", async () => {
  const here = await anotherMachine(documents);
  const cached = (machine: typeof here, more: Partial<rag.SessionOptions> = {}) =>
    machine.options({ ...small, vectorCache: join(machine.root, "vectors.sqlite"), ...more });
  const denseOf = async (session: rag.Session, files: string) =>
    rag.runDense(session, await rag.chunk(session, { files }));
  const first = await rag.openSession(cached(here));
  const made = await denseOf(first, here.files);
  const plain = await rag.packSession(first, { to: join(here.root, "plain.session.zip") });
  assert.equal(plain.vectorBytes, null);
  assert.ok(!(await entriesOf(plain.path)).has("vectors.sqlite"), "it holds other sessions' vectors too");
  const pack = await rag.packSession(first, { vectors: true });
  assert.ok((pack.vectorBytes ?? 0) > 10_000);
  assert.deepEqual(
    (await readdir(here.root)).filter((name) => name.includes("vectors-")),
    [],
    "no copy is left beside the pack",
  );
  first.close();

  const there = await anotherMachine({
    ...documents,
    "one-more.md": "# More\n\nA document that was not there before.\n",
  });
  const off = await rag.openSession(cached(there, { from: pack.path, vectorCache: null }));
  await access(join(off.dir, "vectors.sqlite"));
  await assert.rejects(rag.packSession(off, { vectors: true }), /bad_option|switched off/);
  off.close();
  const session = await rag.openSession(cached(there, { from: pack.path }));
  await assert.rejects(access(join(session.dir, "vectors.sqlite")), "taken over, and gone from the session");
  const again = await denseOf(session, there.files);
  assert.ok(!again.reused);
  assert.equal(again.vectors[0]?.reused, made.count);
  assert.equal(
    again.telemetry.batches.reduce((sum, { rows }) => sum + rows, 0),
    again.count - made.count,
  );
  session.close();
});
