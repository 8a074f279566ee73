import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { access, readdir, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { test } from "node:test";
import * as rag from "../../dist/index.js";
import { inferenceProcesses, until } from "../lib/processes.ts";
import { smallCorpus } from "../lib/sample.ts";
import { anotherMachine, entriesOf, filesBelow, runCells } from "../move/sessions.ts";
import { simulationFile } from "../runtime/lib/simulated.ts";

const index = resolve(import.meta.dirname, "../../dist/index.js");
const BATCH_SECONDS = 0.15;
/**
 * Small batches that take so long each, whatever machine this is: a pass of some seconds that can be stopped between two.
 * The dense pass is the one that is stopped; the others would only take their time.
 */
const small = {
  tokenBudget: 600,
  sparse: ["bm25"],
  enableRerank: false,
  device: "simulated",
  simulation: simulationFile({ compute: "model", speedup: 1, flops: 1e15, launchSeconds: BATCH_SECONDS }),
} as const;
const documents: Record<string, string> = { ...smallCorpus };
for (let d = 0; d < 12; d++)
  documents[`d${d}.md`] = Array.from(
    { length: 10 },
    (_, s) => `## Part ${s}\n\n${`Sentence ${d} of part ${s} about tides and ranks. `.repeat(1 + ((d * 7 + s) % 9))}\n`,
  ).join("\n");

type Machine = Awaited<ReturnType<typeof anotherMachine>>;

/** The settings of a session of 12 hours, `seconds` before its last ten minutes begin. */
const nearlyOver = (seconds: number): Partial<rag.SessionOptions> => ({
  sessionHours: 12,
  endMarginMinutes: 10,
  sessionStart: new Date(Date.now() - (12 * 3600 - 600 - seconds) * 1000).toISOString(),
});

/** Runs a dense pass in a process of its own, in a session that has `seconds` for it; what it threw, or null. */
function passWithin(here: Machine, seconds: number): { code: string; message: string } | null {
  const script = `import(${JSON.stringify(index)}).then(async (rag) => {
    const options = ${JSON.stringify(here.options(small))};
    const chunks = await rag.chunk(await rag.openSession(options), { files: ${JSON.stringify(here.files)} });
    const sessionStart = new Date(Date.now() - (12 * 3600 - 600 - ${seconds}) * 1000).toISOString();
    const session = await rag.openSession({ ...options, sessionHours: 12, endMarginMinutes: 10, sessionStart });
    await rag.runDense(session, chunks);
    console.log("null");
  }).catch((error) => { console.log(JSON.stringify({ code: error.code, message: error.message })); process.exit(1); })`;
  const { stdout, stderr } = spawnSync(process.execPath, ["-e", script], { encoding: "utf8" });
  return JSON.parse(stdout.trim().split("\n").at(-1) || JSON.stringify({ code: "none", message: stderr }));
}

/**
 * A session that was stopped by its end within a dense pass: the time it is given is searched for, since no one knows
 * how long this machine takes to begin.
 *
 * @param seconds that are tried first
 */
async function stoppedWithin(seconds: number) {
  let given = seconds;
  for (let attempt = 0; attempt < 12; attempt++) {
    const here = await anotherMachine(documents);
    const error = passWithin(here, given);
    const [, done, all] = /(\d+) of (\d+) rows/.exec(error?.message ?? "") ?? [];
    if (error?.code === "session_ending" && Number(done) > 0)
      return { here, message: error.message, done: Number(done), all: Number(all) };
    assert.ok(error === null || error.code === "session_ending", error?.message);
    given *= error === null ? 0.75 : 1.4;
  }
  throw new Error("no time was found in which a pass is stopped half-way");
}

test("a pass that the session's end stops: packed without a word, it goes on in the next session and gives the same bytes", async (t) => {
  const undisturbed = await anotherMachine(documents);
  const first = await rag.openSession(undisturbed.options(small));
  const found = await rag.chunk(first, { files: undisturbed.files });
  const began = performance.now();
  const { batches } = (await rag.runDense(first, found)).telemetry;
  const half = (performance.now() - began) / 1000 - (BATCH_SECONDS * batches.length) / 2;
  await runCells(first, undisturbed.files);
  const whole = await filesBelow(first.dir);
  first.close();

  const { here, message, done, all } = await stoppedWithin(half);
  t.diagnostic(message);
  const to = join(here.root, "test.session.zip");
  assert.match(message, /^The dense stage was stopped: (9|10) min \d\d s of the session's 12 h 00 min are left\. /);
  assert.ok(message.includes(`The session is packed in ${JSON.stringify(to)}`), message);
  assert.match(message, /openSession\(\{ name: "test", from: "\.\.\.\/test\.session\.zip" \}\)/);
  assert.match(message, /endMarginMinutes: 0/);
  const { runs } = JSON.parse(String((await entriesOf(to)).get("session-pack.json")));
  const making = runs.find((run: { state: string }) => run.state === "in the making");
  assert.ok(making.batches > 0 && done < all);

  const there = await anotherMachine(documents);
  const session = await rag.openSession({ ...there.options(small), from: to });
  await rm(here.root, { recursive: true });
  const { chunks, dense, collection } = await runCells(session, there.files);
  assert.ok(chunks.reused);
  assert.equal(dense.resumedBatches, making.batches, "every batch that was done came along");
  const before = dense.telemetry.batches.slice(0, making.batches).reduce((sum, { rows }) => sum + rows, 0);
  assert.deepEqual([before, dense.count], [done, all]);
  assert.ok(collection.checks.every(({ passed }) => passed));
  const again = await filesBelow(session.dir);
  session.close();
  const computed = [...whole.keys()].filter((path) => /^runs\/(chunk|dense|sparse)\/.*\.(npy|jsonl|txt)$/.test(path));
  assert.ok(computed.length > 5);
  for (const path of computed) assert.ok(again.get(path)?.equals(whole.get(path) as Buffer), path);
});

test("a stage is not begun in the last minutes; what is there is reused, and endMarginMinutes: 0 goes on", async () => {
  const here = await anotherMachine();
  const early = await rag.openSession(here.options());
  const chunks = await rag.chunk(early, { files: here.files });
  early.close();
  const to = join(here.root, "test.session.zip");

  const late = await rag.openSession(here.options(nearlyOver(-60)));
  assert.ok((await rag.chunk(late, { files: here.files })).reused, "looking at what is there takes no time");
  await assert.rejects(access(to));
  const refused = (error: rag.RagError) =>
    error.code === "session_ending" && /^The dense stage was not begun: .*packed in/.test(error.message);
  await assert.rejects(rag.runDense(late, chunks), refused);
  const { mtimeMs } = await stat(to);
  await assert.rejects(rag.runDense(late, chunks), refused);
  assert.equal((await stat(to)).mtimeMs, mtimeMs, "nothing was computed since, so it is not packed again");
  assert.deepEqual(await readdir(join(late.dir, "runs")), ["chunk"]);
  late.close();

  for (const anyway of [{ endMarginMinutes: 0 }, { sessionHours: null }, { sessionHours: 15 }]) {
    const session = await rag.openSession(here.options({ ...nearlyOver(-60), ...anyway }));
    await rag.runDense(session, chunks, { rerun: true });
    session.close();
  }
  const passed = await rag.openSession(here.options(nearlyOver(-700)));
  await rag.runDense(passed, chunks, { rerun: true });
  passed.close();
});

test("a batch that hangs is given up when half of the margin is left", async () => {
  const here = await anotherMachine();
  const early = await rag.openSession(here.options());
  const chunks = await rag.chunk(early, { files: here.files });
  early.close();
  // Six seconds are the margin, and begin in four.
  const sessionStart = new Date(Date.now() - (3600 - 10) * 1000).toISOString();
  const session = await rag.openSession(here.options({ sessionHours: 1, endMarginMinutes: 0.1, sessionStart }));
  const pass = rag.runDense(session, chunks).then(
    () => null,
    (error: rag.RagError) => error,
  );
  const worker = await until(() => inferenceProcesses()[0], "the inference process");
  process.kill(worker, "SIGSTOP");
  const error = await pass;
  assert.equal(error?.code, "session_ending");
  assert.match(error?.message ?? "", /^The dense stage was stopped: 0 min 0[0-3] s .* are left\..*packed in/);
  assert.deepEqual(inferenceProcesses(), []);
  session.close();
});

test("where the session can't be packed the error says why, and what was done is kept", async () => {
  const here = await anotherMachine();
  const session = await rag.openSession(here.options({ ...nearlyOver(-60), diskQuotaBytes: 1000 }));
  await assert.rejects(
    rag.chunk(session, { files: here.files }),
    (error: rag.RagError) =>
      error.code === "session_ending" &&
      /could not be packed: The pack of session test needs up to .* of the 1 kB that .* may hold/.test(error.message) &&
      /call checkpoint\(session\)/.test(error.message),
  );
  session.close();
});

test("a checkpoint leaves out what an export wrote, and says how to go on", async () => {
  const here = await anotherMachine();
  const session = await rag.openSession(here.options());
  const made = await runCells(session, here.files);
  const pack = await rag.checkpoint(session);
  assert.equal(pack.path, join(here.root, "test.session.zip"));
  assert.equal(pack.collection.files, 0);
  assert.ok((await rag.checkpoint(session, { collection: true })).collection.files > 0);
  const card = (pack as unknown as Record<symbol, () => Record<string, string>>)[Symbol.for("Jupyter.display")]?.();
  assert.match(
    String(card?.["text/plain"]),
    /^checkpoint[\s\S]*1\. .*download test\.session\.zip[\s\S]*2\. In the next session: openSession/,
  );
  session.close();
  const there = await anotherMachine();
  const next = await rag.openSession({ ...there.options(), from: pack.path });
  assert.equal((await runCells(next, there.files)).collection.id, made.collection.id);
  next.close();
});

test("a start in the future and one without a zone are refused, with who set them", async () => {
  const here = await anotherMachine();
  for (const sessionStart of [new Date(Date.now() + 3600_000).toISOString(), "2026-11-27 08:00", "today"])
    await assert.rejects(
      rag.openSession(here.options({ sessionHours: 12, sessionStart })),
      (error: rag.RagError) => error.code === "bad_setting" && error.message.includes("sessionStart"),
    );
});
