import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { finishRun, recoverSession } from "../../dist/store/finish.js";
import { layoutOf } from "../../dist/store/layout.js";
import { scratch } from "../lib/sample.ts";

/** Folders of runs, each with the files named; what a file holds is the folder it was made in. */
async function runsWith(folders: Readonly<Record<string, readonly string[]>>): Promise<string> {
  const runs = join(await scratch("session"), "runs");
  await mkdir(runs);
  for (const [folder, files] of Object.entries(folders)) {
    await mkdir(join(runs, folder), { recursive: true });
    for (const file of files) await writeFile(join(runs, folder, file), folder);
  }
  return runs;
}

const listed = async (dir: string) => (await readdir(dir)).sort();

test("a finished run takes the place of the first, and keeps no journal", async () => {
  const runs = await runsWith({
    "dense/dense-1": ["run.json"],
    "dense/dense-1.partial": ["run.json", "a.vectors.npy", "a.journal", "rerun"],
  });
  await finishRun(join(runs, "dense/dense-1.partial"), join(runs, "dense/dense-1"));
  assert.deepEqual(await listed(join(runs, "dense")), ["dense-1"]);
  assert.deepEqual(await listed(join(runs, "dense/dense-1")), ["a.vectors.npy", "run.json"]);
  assert.equal(await readFile(join(runs, "dense/dense-1/run.json"), "utf8"), "dense/dense-1.partial");
});

test("a run whose successor can't be put in its place has its name again", async () => {
  const runs = await runsWith({ "dense/dense-1": ["run.json"] });
  const final = join(runs, "dense/dense-1");
  await assert.rejects(finishRun(`${final}.partial`, final), { code: "ENOENT" });
  assert.deepEqual(await listed(join(runs, "dense")), ["dense-1"]);
});

test("after a kill between the two renames the first run has its name again, and what makes the second stays", async () => {
  const runs = await runsWith({
    "dense/dense-1.old": ["run.json"],
    "dense/dense-1.partial": ["run.json", "a.journal", "rerun"],
  });
  await recoverSession(layoutOf(dirname(runs)));
  assert.deepEqual(await listed(join(runs, "dense")), ["dense-1", "dense-1.partial"]);
  assert.equal(await readFile(join(runs, "dense/dense-1/run.json"), "utf8"), "dense/dense-1.old");
  assert.deepEqual(await listed(join(runs, "dense/dense-1.partial")), ["a.journal", "rerun", "run.json"]);
});

test("after a kill behind the renames nothing is left over", async () => {
  const runs = await runsWith({
    "chunk/chunk-1": ["run.json", "chunks.jsonl"],
    "dense/dense-1": ["run.json", "a.journal", "rerun"],
    "dense/dense-1.old": ["run.json"],
  });
  await writeFile(join(runs, "note.txt"), "no folder of a stage");
  await recoverSession(layoutOf(dirname(runs)));
  assert.deepEqual(await listed(join(runs, "dense")), ["dense-1"]);
  assert.deepEqual(await listed(join(runs, "dense/dense-1")), ["run.json"]);
  assert.deepEqual(await listed(join(runs, "chunk/chunk-1")), ["chunks.jsonl", "run.json"]);
});

test("a session without runs loses half a file of a killed process, and nothing else", async () => {
  const dir = await scratch("session");
  const dead = spawnSync(process.execPath, ["-p", "process.pid"], { encoding: "utf8" }).stdout.trim();
  await writeFile(join(dir, "session.json"), "{}");
  await writeFile(join(dir, `.session.json.${dead}.0.tmp`), "{");
  await recoverSession(layoutOf(dir));
  assert.deepEqual(await listed(dir), ["session.json"]);
});
