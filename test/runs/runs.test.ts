import assert from "node:assert/strict";
import { appendFile, cp, mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { inspect } from "node:util";
import * as rag from "../../dist/index.js";
import { tmpfs } from "../lib/mounts.ts";
import { inferenceProcesses, until } from "../lib/processes.ts";
import { corpusOf, sampleOptions, scratch, smallCorpus } from "../lib/sample.ts";

/** A session with an old corpus's runs, and a new one's behind them: the old ones are not needed. */
let made = "";
const ids: Record<string, string> = {};

before(async () => {
  made = await scratch("runs");
  const session = await rag.openSession(sampleOptions(made, { sparse: ["bm25"] }));
  for (const [age, text] of [
    ["old", "# Old\n\nWhat was there before.\n"],
    ["new", "# New\n\nWhat is there now.\n"],
  ] as const) {
    const corpus = await corpusOf({ ...smallCorpus, "age.md": text });
    const chunks = await rag.chunk(session, { files: join(corpus, "**/*.md") });
    const dense = await rag.runDense(session, chunks);
    ids[`${age} chunk`] = chunks.id;
    ids[`${age} dense`] = dense.id;
    if (age === "old") continue;
    const sparse = await rag.runSparse(session, chunks);
    const fused = await rag.fuse(session, rag.queries(["what is there?"]), [dense, sparse]);
    ids["fuse"] = fused.id;
    ids["sparse"] = (sparse as rag.SparseRun).id;
  }
  session.close();
});

/** A copy that a test may take runs from. */
async function copyOf(dir = made): Promise<rag.Session> {
  const copy = await scratch("runs-copy");
  await cp(dir, copy, { recursive: true });
  return rag.openSession(sampleOptions(copy, { sparse: ["bm25"] }));
}

const rowsOf = async (session: rag.Session) => (await rag.listRuns(session)).objects() as rag.RunRow[];
const idsOf = (rows: readonly { id: string }[]) => rows.map(({ id }) => id).sort();
const pick = (...names: string[]) => names.map((name) => ids[name] as string).sort();
const runDir = (session: rag.Session, stage: string, name: string) => join(session.dir, "runs", stage, name);

test("every run is listed with its size, its last use and what was made from it", async () => {
  const session = await copyOf();
  const rows = await rowsOf(session);
  assert.equal(rows.length, 6);
  const chunk = rows.find(({ id }) => id === ids["new chunk"]) as rag.RunRow;
  assert.deepEqual([...chunk.neededBy].sort(), pick("new dense", "sparse", "fuse"));
  assert.deepEqual(
    [chunk.state, chunk.batches, chunk.latest, chunk.unused, chunk.call],
    ["finished", null, true, false, 3],
  );
  assert.ok(chunk.bytes > 4000 && !Number.isNaN(Date.parse(chunk.usedAt ?? "")));
  assert.deepEqual(idsOf(rows.filter(({ unused }) => unused)), pick("old chunk", "old dense"));
  assert.deepEqual(idsOf(rows.filter(({ latest }) => latest)), pick("new chunk", "new dense", "sparse", "fuse"));
  const text = inspect(await rag.listRuns(session));
  assert.match(text, /^runs on disk/);
  assert.match(text, /Not needed.*2 runs/);
  session.close();
});

test("an old run that is used again is the latest again, by the history's order and not by the clock", async () => {
  const session = await copyOf();
  const entry = {
    stage: "dense",
    id: ids["old dense"],
    at: "1999-01-01T00:00:00.000Z",
    outcome: "reused",
    why: "",
    rows: 1,
    seconds: 0,
  };
  await appendFile(join(session.dir, "history.jsonl"), `${JSON.stringify(entry)}\n`);
  const rows = await rowsOf(session);
  const old = rows.find(({ id }) => id === ids["old dense"]) as rag.RunRow;
  assert.ok(old.latest && !old.unused && old.call === 7);
  assert.ok(
    rows.every(({ unused }) => !unused),
    "its chunks are needed by it, the new dense run by the fused one",
  );
  session.close();
});

test("removing the unused: a dry run says what goes, then it goes, and again nothing does", async () => {
  const session = await copyOf();
  const planned = await rag.removeRuns(session, { unused: true }, { dryRun: true });
  assert.ok(planned.dryRun && planned.bytes > 8000 && planned.kept === 4);
  assert.equal((await rowsOf(session)).length, 6);
  assert.match(inspect(planned), /^removal, planned · dry run/);

  const removal = await rag.removeRuns(session, { unused: true });
  assert.deepEqual(idsOf(removal.removed), pick("old chunk", "old dense"));
  assert.equal(removal.bytes, planned.bytes);
  assert.match(inspect(removal), /^removal\n/);
  assert.deepEqual(idsOf(await rowsOf(session)), pick("new chunk", "new dense", "sparse", "fuse"));
  assert.deepEqual((await rag.removeRuns(session, { unused: true })).removed, []);
  assert.equal((await rag.latest(session, "fuse")).id, ids["fuse"]);
  session.close();
});

test("a run that others need is refused with their ids, and goes together with them", async () => {
  const session = await copyOf();
  const error = await rag.removeRuns(session, [ids["new dense"] as string]).then(
    () => assert.fail("it was removed"),
    (e: rag.RagError) => e,
  );
  assert.equal(error.code, "run_needed");
  assert.match(error.message, new RegExp(`${ids["new dense"]} .*1 run that stays was made from it, "${ids["fuse"]}"`));
  assert.equal((await rowsOf(session)).length, 6);
  const { removed } = await rag.removeRuns(session, pick("new dense", "fuse"));
  assert.deepEqual(idsOf(removed), pick("new dense", "fuse"));
  await assert.rejects(rag.latest(session, "fuse"), { code: "no_run_yet" });
  assert.equal((await rag.latest(session, "dense")).id, ids["old dense"], "latest goes on to the one before");
  assert.equal((await rag.history(session)).numRows(), 6, "the history keeps what happened");
  session.close();
});

test("a removed run is computed again under its id", async () => {
  const session = await copyOf();
  await rag.removeRuns(session, pick("new dense", "fuse"));
  const again = await rag.runDense(session, await rag.latest(session, "chunk"));
  assert.ok(again.id === ids["new dense"] && !again.reused);
  session.close();
});

test("what is no run, and what is no choice, is refused before anything is removed", async () => {
  const session = await copyOf();
  for (const [which, code] of [
    [["../../.."], "unknown_run"],
    [[ids["old dense"], "dense-0000"], "unknown_run"],
    [[17], "unknown_run"],
    [{}, "bad_option"],
    [{ unused: false }, "bad_option"],
    [{ unused: true, all: true }, "bad_option"],
    ["dense-1", "bad_option"],
    [null, "bad_option"],
  ] as const) {
    await assert.rejects(rag.removeRuns(session, which as never), { code }, JSON.stringify(which));
  }
  assert.deepEqual((await rag.removeRuns(session, [])).removed, []);
  assert.equal((await rowsOf(session)).length, 6);
  session.close();
});

test("runs in the making are listed with their batches, and go only when asked for", async () => {
  const session = await rag.openSession(sampleOptions(await scratch("making"), { tokenBudget: 64, sparse: ["bm25"] }));
  const documents = Object.fromEntries(
    Array.from({ length: 400 }, (_, d) => [`${d}.md`, `# ${d}\n\nTides and bread.\n`]),
  );
  const chunks = await rag.chunk(session, { files: join(await corpusOf(documents), "*.md") });
  const running = rag.runDense(session, chunks);
  running.catch(() => {});
  const rows = await until(async () => {
    const found = (await rowsOf(session)).filter(({ batches }) => (batches ?? 0) >= 3);
    return found.length > 0 ? found : null;
  }, "three batches");
  await assert.rejects(rag.removeRuns(session, { unused: true }), {
    code: "stage_busy",
    message: /dense stage is still running/,
  });
  assert.deepEqual((await rag.removeRuns(session, { unused: true }, { dryRun: true })).removed, []);
  for (const pid of inferenceProcesses()) process.kill(pid, "SIGKILL");
  await assert.rejects(running, { code: "inference_process_died" });

  assert.deepEqual([rows[0]?.state, rows[0]?.latest, rows[0]?.unused], ["in the making", false, false]);
  assert.match(inspect(await rag.listRuns(session)), /in the making, \d+ batches/);
  assert.deepEqual((await rag.removeRuns(session, { unused: true })).removed, []);
  const [row] = (await rowsOf(session)).filter(({ state }) => state === "in the making");
  const { resumedBatches } = await rag.runDense(session, chunks);
  assert.equal(resumedBatches, row?.batches, "as many as the list said");

  const half = `${runDir(session, "dense", (await rag.latest(session, "dense")).id)}.partial`;
  await mkdir(half);
  assert.equal((await rag.removeRuns(session, { unfinished: true })).removed.length, 1);
  await assert.rejects(stat(half), { code: "ENOENT" });
  assert.equal((await rowsOf(session)).length, 2, "the finished run of the same id stays");
  session.close();
});

test("a removal that was killed is finished by the next one; what it left is no run", async () => {
  const session = await copyOf();
  const path = runDir(session, "dense", ids["old dense"] as string);
  await rename(path, `${path}.removed`);
  await cp(
    runDir(session, "chunk", ids["old chunk"] as string),
    `${runDir(session, "chunk", ids["old chunk"] as string)}.old`,
    {
      recursive: true,
    },
  );
  const left = (await rowsOf(session)).filter(({ state }) => state === "left over");
  assert.deepEqual(idsOf(left), pick("old chunk", "old dense"));
  assert.match(inspect(await rag.listRuns(session)), /Left over/);
  const { removed } = await rag.removeRuns(session, []);
  assert.deepEqual(idsOf(removed), pick("old chunk", "old dense"));
  assert.deepEqual(await readdir(join(session.dir, "runs/dense")), [ids["new dense"]]);
  assert.equal((await rag.removeRuns(session, { unused: true })).removed[0]?.id, ids["old chunk"]);
  session.close();
});

test("a run that can't be read is listed; while a latest run is one, nobody knows what is unused", async () => {
  const session = await copyOf();
  await writeFile(join(runDir(session, "fuse", ids["fuse"] as string), "run.json"), "{");
  assert.equal((await rowsOf(session)).find(({ id }) => id === ids["fuse"])?.state, "damaged");
  await assert.rejects(rag.removeRuns(session, { unused: true }), { code: "run_damaged" });
  assert.equal((await rag.removeRuns(session, [ids["fuse"] as string])).removed[0]?.state, "damaged");
  await rag.removeRuns(session, { unused: true });
  assert.equal((await rowsOf(session)).length, 3);
  session.close();
});

test("a run that was finished a moment before a kill, and is in no history, counts as needed", async () => {
  const session = await copyOf();
  await rm(join(session.dir, "history.jsonl"));
  assert.deepEqual((await rag.removeRuns(session, { unused: true })).removed, []);
  session.close();
});

test("runs are removed from a disk that is full to the last block", async (t) => {
  const disk = await tmpfs(t, "size=4m");
  if (!disk) return;
  await cp(made, disk.dir, { recursive: true });
  const session = await rag.openSession(sampleOptions(disk.dir, { sparse: ["bm25"] }));
  await writeFile(join(disk.dir, "filler"), Buffer.alloc(8 << 20)).catch(() => {});
  const { removed, freeBytes } = await rag.removeRuns(session, { unused: true });
  assert.ok(removed.length === 2 && (freeBytes ?? 0) >= 8192);
  session.close();
});
