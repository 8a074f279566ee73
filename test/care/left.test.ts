import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { appendFile, link, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { openCare } from "../../dist/care/care.js";
import { openClock } from "../../dist/care/clock.js";
import { appendLedger, mergeLedger, readLedger, secondsInWeek } from "../../dist/care/ledger.js";
import * as rag from "../../dist/index.js";
import { folderUse } from "../../dist/store/folder-use.js";
import { diskQuota } from "../../dist/store/quota.js";
import { until } from "../lib/processes.ts";
import { sampleOptions, scratch } from "../lib/sample.ts";
import { anotherMachine, entriesOf } from "../move/sessions.ts";

/** A /proc in which the system began `up` seconds ago and the first process `first` seconds after it. */
async function proc(up: number, first: number): Promise<string> {
  const dir = await scratch("proc");
  await mkdir(join(dir, "1"));
  await writeFile(join(dir, "uptime"), `${up.toFixed(2)} 12.00\n`);
  const fields = [
    "S",
    "0",
    "1",
    "1",
    "0",
    "-1",
    "4194560",
    "1",
    "2",
    "3",
    "4",
    "5",
    "6",
    "7",
    "8",
    "20",
    "0",
    "1",
    "0",
  ];
  await writeFile(join(dir, "1/stat"), `1 (a (b) c) ${[...fields, Math.round(first * 100), "9000", "0"].join(" ")}\n`);
  return dir;
}

test("a session's time counts from its first process, not from the system's start", async () => {
  const clock = openClock(null, "default", await proc(100_000, 99_000.5));
  assert.deepEqual([clock.elapsed(), clock.from], [999.5, "the session's first process"]);
  const shown = openClock(null, "default", await proc(500, 99_000));
  assert.equal(shown.elapsed(), 500, "a container that is shown a time of its own began with it");
  const real = openClock(null, "default");
  const begin = real.elapsed();
  assert.ok(begin >= 0 && real.elapsed() >= begin);
  const without = openClock(null, "default", "/nowhere");
  assert.equal(without.from, "the start of this kernel");
  assert.ok(Math.abs(without.elapsed() - process.uptime()) < 5);
});

test("in a container of its own, time counts from the container's first process", (t) => {
  const clock = resolve(import.meta.dirname, "../../dist/care/clock.js");
  const script = `import(${JSON.stringify(clock)}).then(({ openClock }) => console.log(JSON.stringify({ pid: process.pid, elapsed: openClock(null, "default").elapsed() })))`;
  const { status, stdout, stderr } = spawnSync(
    "unshare",
    ["--map-root-user", "--mount", "--pid", "--fork", "--mount-proc", process.execPath, "-e", script],
    { encoding: "utf8" },
  );
  if (status !== 0) return t.skip(`a namespace can't be made here: ${stderr.trim()}`);
  const { pid, elapsed } = JSON.parse(stdout);
  assert.equal(pid, 1);
  assert.ok(elapsed < openClock(null, "default").elapsed() && elapsed < 120, `${elapsed} s`);
});

test("a start that was set counts on, whatever happens to the clock", async () => {
  const dir = await proc(1000, 10);
  const clock = openClock(new Date(Date.now() - 3600_000).toISOString(), "call", dir);
  assert.ok(Math.abs(clock.elapsed() - 3600) < 5);
  await writeFile(join(dir, "uptime"), "1060.00 1.00\n");
  assert.ok(Math.abs(clock.elapsed() - 3660) < 5, "it follows the system's own count");
  const first = openClock(null, "default", dir);
  await rm(join(dir, "uptime"));
  assert.ok(Math.abs(first.elapsed() - 1050) < 5, "and goes on where that can't be read any more");
});

test("GPU time: each machine once with its longest time, what lies a week back not, torn lines not", async () => {
  const file = join(await scratch("ledger"), "gpu-hours.jsonl");
  const day = 24 * 3600_000;
  const entry = (machine: string, seconds: number, ago: number) =>
    `${JSON.stringify({ machine: machine.repeat(16), at: new Date(Date.now() - ago * day).toISOString(), seconds })}\n`;
  await writeFile(file, entry("a", 3600, 9) + entry("b", 1000, 8) + entry("b", 1500, 6) + entry("c", 700, 1));
  await appendFile(file, '{"machine":"dddd');
  await appendLedger(file, "c".repeat(16), 900);
  assert.equal(secondsInWeek(await readLedger(file)), 500 + 900);
  assert.equal((await readLedger(file)).length, 5);
  const other = join(await scratch("ledger"), "other.jsonl");
  await writeFile(other, entry("c", 800, 0) + entry("e", 60, 0));
  await mergeLedger(other, file);
  await mergeLedger(other, file);
  assert.equal(secondsInWeek(await readLedger(other)), 500 + 900 + 60);
  assert.equal((await readFile(other, "utf8")).trim().split("\n").length, 6, "a line that is known is not added again");
});

test("only a machine with a GPU writes the ledger, and its own time counts", async () => {
  const dir = await scratch("care");
  const session = await rag.openSession(sampleOptions(dir, { gpuQuotaHours: 30 }));
  const { settings, provenance } = session;
  session.close();
  const ledger = join(dir, "gpu-hours.jsonl");
  const machine = { ledger, quota: null, proc: await proc(10_000, 2800) };
  const without = await openCare(settings, provenance.sessionStart, { ...machine, gpu: false });
  assert.equal(without.status().gpu?.usedSeconds, 0);
  await assert.rejects(readFile(ledger));
  const care = await openCare(settings, provenance.sessionStart, { ...machine, gpu: true });
  assert.deepEqual(care.status().gpu, { usedSeconds: 7200, quotaSeconds: 30 * 3600, counting: true });
  await until(async () => (await readLedger(ledger)).length || null, "the first line");
  await until(async () => ((await readLedger(ledger))[0]?.seconds === 7200 ? true : null), "its seconds");
  const next = await openCare(settings, provenance.sessionStart, {
    ...machine,
    proc: await proc(50_000, 49_000),
    gpu: true,
  });
  assert.equal(next.status().gpu?.usedSeconds, 7200 + 1000, "another machine adds up");
});

test("the ledger goes along in a pack and is taken over where it is opened", async () => {
  const here = await anotherMachine();
  await appendLedger(join(here.root, "gpu-hours.jsonl"), "ab".repeat(8), 5400);
  const session = await rag.openSession(here.options());
  const { path } = await rag.packSession(session);
  await assert.rejects(readFile(join(session.dir, "gpu-hours.jsonl")), "the copy is gone");
  session.close();
  assert.match(String((await entriesOf(path)).get("gpu-hours.jsonl")), /"seconds":5400/);
  const there = await anotherMachine();
  const next = await rag.openSession({ ...there.options({ gpuQuotaHours: 30 }), from: path });
  await assert.rejects(readFile(join(next.dir, "gpu-hours.jsonl")));
  assert.equal(secondsInWeek(await readLedger(join(there.root, "gpu-hours.jsonl"))), 5400);
  assert.match(look(next), /GPU hours +1\.5 of 30 h used in 7 days, by rag-cells' own count/);
  next.close();
});

test("disk use counts blocks, a file with two names once, and stops at the most it may count", async () => {
  const dir = await scratch("use");
  await mkdir(join(dir, "a/b"), { recursive: true });
  await writeFile(join(dir, "a/b/full"), Buffer.alloc(1 << 20, 1));
  await link(join(dir, "a/b/full"), join(dir, "a/same"));
  const { bytes, whole } = await folderUse(dir);
  assert.ok(bytes >= 1 << 20 && bytes < 2 << 20 && whole, String(bytes));
  await writeFile(join(dir, "a/more"), "more");
  assert.deepEqual((await folderUse(dir, 1)).whole, false);
  assert.deepEqual(await folderUse(join(dir, "none")), { bytes: 0, files: 0, whole: true });
});

test("a quota holds for what lies in its folder, and a stage that would pass it is not begun", async () => {
  const here = await anotherMachine();
  const quota = diskQuota(here.root, 1000);
  assert.ok(quota.holds(here.root) && quota.holds(join(here.root, "x/y")) && quota.holds(join(here.root, "..x")));
  assert.ok(!quota.holds(`${here.root}-2`) && !quota.holds(join(here.root, "..")));
  const open = (diskQuotaBytes: number) => rag.openSession(here.options({ diskQuotaBytes }));
  let session = await open(50e6);
  const chunks = await rag.chunk(session, { files: here.files });
  session.close();
  await writeFile(join(here.root, "filler"), Buffer.alloc(40e6, 1));
  session = await open(41e6);
  await assert.rejects(
    rag.runDense(session, chunks),
    (error: rag.RagError) =>
      error.code === "disk_too_small" &&
      /^The dense stage needs up to .* of the 41 MB that .* may hold \(the setting diskQuotaBytes\)/.test(
        error.message,
      ),
  );
  session.close();
});

test("every stage's card, and the session's, says what is left; nothing of it is in the run", async () => {
  const here = await anotherMachine();
  const start = new Date(Date.now() - 5 * 3600_000).toISOString();
  const limits = { sessionHours: 12, sessionStart: start, gpuQuotaHours: 30, diskQuotaBytes: 20e9 };
  const session = await rag.openSession(here.options(limits));
  const chunks = await rag.chunk(session, { files: here.files });
  await until(async () => (/\d \S+ of 20 GB in /.test(look(session)) ? true : null), "the disk to be counted");
  const again = await rag.chunk(session, { files: here.files });
  assert.match(
    look(again),
    /6 h 59 min of 12 h left · GPU 0 of 30 h \(rag-cells' own count\) · disk \S+ \S+ of 20 GB in /,
  );
  assert.match(look(session), /Time +6 h 59 min of 12 h left/);
  const stored = await readFile(join(again.dir, "run.json"), "utf8");
  assert.doesNotMatch(stored, /sessionHours|sessionStart|quota/i);
  session.close();
  const plain = await rag.openSession(here.options());
  const same = await rag.chunk(plain, { files: here.files });
  assert.equal(same.id, chunks.id);
  assert.ok(same.reused);
  assert.doesNotMatch(look(same), /left ·| h left/);
  plain.close();
});

/** What a value shows as a cell's last expression, as text. */
function look(value: object): string {
  const display = (value as Record<symbol, () => Record<string, string>>)[Symbol.for("Jupyter.display")];
  return display?.()["text/plain"] ?? "";
}
