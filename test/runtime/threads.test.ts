import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { defaultThreads } from "../../dist/runtime/threads.js";
import { root } from "../lib/sample.ts";

test("threads are at least one and at most the CPUs that may be used", () => {
  const threads = defaultThreads();
  assert.ok(Number.isInteger(threads) && threads >= 1 && threads <= availableParallelism());
});

test("a process bound to one CPU gets one thread", (t) => {
  if (spawnSync("taskset", ["--version"]).status !== 0) return t.skip("SKIPPED: no taskset here");
  const code = `import(${JSON.stringify(join(root, "dist/runtime/threads.js"))}).then((m) => console.log(m.defaultThreads()))`;
  const allowed = execFileSync("taskset", ["-cp", String(process.pid)], { encoding: "utf8" }).match(
    /(\d+)[-,\d]*\s*$/,
  )?.[1] as string;
  assert.equal(
    execFileSync("taskset", ["-c", allowed, process.execPath, "-e", code], { encoding: "utf8" }).trim(),
    "1",
  );
});
