import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
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
for (let d = 0; d < 25; d++)
  documents[`d${d}.md`] = Array.from(
    { length: 10 },
    (_, s) => `## Part ${s}\n\n${`Sentence ${d} of part ${s} about tides and ranks. `.repeat(1 + ((d * 7 + s) % 9))}\n`,
  ).join("\n");
/** What an undisturbed session has in its dense and sparse runs, by path below `runs`. */
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
      if (bytes > 15_000) return true;
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
  await runCells(session, here.files);
  undisturbed = computed(await filesBelow(session.dir));
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
  const here = await anotherMachine(documents);
  const first = await rag.openSession(here.options(small));
  const made = await runCells(first, here.files);
  const { path, files } = await rag.packSession(first);
  first.close();
  const disk = await tmpfs(t, "size=64m");
  if (!disk) return;
  // As an attached dataset has it: unpacked, a folder deeper, files of no bytes perhaps lost.
  for (const [name, bytes] of await entriesOf(path)) {
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
  assert.equal(again.dense.id, made.dense.id);
  assert.equal(again.collection.folder, session.dir);
  assert.ok((await readFile(join(session.dir, "processing_summary.json"))).length > 0);
  sameFiles(await filesBelow(session.dir));
  assert.ok((await filesBelow(session.dir)).size >= files);
  // And on from there to a third one.
  const third = await rag.packSession(session);
  session.close();
  const last = await anotherMachine(documents);
  const opened = await rag.openSession({ ...last.options(small), name: "third", from: third.path });
  assert.ok((await runCells(opened, last.files)).dense.reused);
  opened.close();
});
