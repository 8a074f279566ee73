import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { lockSession } from "../../dist/store/lock.js";
import { tmpfs } from "../lib/mounts.ts";

const lockModule = resolve(import.meta.dirname, "../../dist/store/lock.js");
const place = async () => join(await mkdtemp(join(tmpdir(), "lock-")), "session.lock");

/** Another process that takes the lock, says so, and then waits. */
async function holder(path: string) {
  const child = spawn(
    process.execPath,
    [
      "-e",
      `import(${JSON.stringify(lockModule)}).then((m) => m.lockSession(${JSON.stringify(path)}, "s")).then(() => { console.log("held"); setInterval(() => {}, 1000); })`,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  await once(child.stdout, "data");
  return child;
}

test("a second process is refused, with who holds it and what to do", async () => {
  const path = await place();
  const other = await holder(path);
  try {
    await assert.rejects(lockSession(path, "docs"), (error: Error & { code: string }) => {
      assert.equal(error.code, "session_in_use");
      assert.match(error.message, new RegExp(`process ${other.pid}`));
      assert.match(error.message, /another name/);
      return true;
    });
  } finally {
    other.kill("SIGKILL");
  }
});

test("the lock of a killed process is taken over at once", async () => {
  const path = await place();
  const other = await holder(path);
  other.kill("SIGKILL");
  await once(other, "exit");
  assert.ok(existsSync(path), "a kill leaves the file behind");
  (await lockSession(path, "docs")).release();
  assert.ok(!existsSync(path));
});

test("the same process may take it again, and release removes it", async () => {
  const path = await place();
  const first = await lockSession(path, "docs");
  const second = await lockSession(path, "docs");
  first.release();
  first.release();
  assert.ok(existsSync(path), "the second holder still has it");
  second.release();
  assert.ok(!existsSync(path));
});

test("a process id that was used again does not hold the lock", async () => {
  const path = await place();
  const { hostname } = await import("node:os");
  await writeFile(path, JSON.stringify({ pid: process.ppid, host: hostname(), started: "1" }));
  (await lockSession(path, "docs")).release();
});

test("a lock from another machine counts while it is touched, and not after a minute", async () => {
  const path = await place();
  await writeFile(path, JSON.stringify({ pid: 1, host: "elsewhere.example", started: "1" }));
  await assert.rejects(lockSession(path, "docs"), { code: "session_in_use" });
  const old = new Date(Date.now() - 120_000);
  await utimes(path, old, old);
  (await lockSession(path, "docs")).release();
});

test("a lock from another machine that was touched in the future counts while it is touched on, and no longer", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const path = await place();
  await writeFile(path, JSON.stringify({ pid: 1, host: "elsewhere.example", started: "1" }));
  const future = new Date(Date.now() + 3_600_000);
  /** Lets the time of some beats pass; a holder that lives touches its lock meanwhile. */
  const take = async (lives: boolean) => {
    await utimes(path, future, future);
    const taking = lockSession(path, "docs");
    taking.catch(() => {});
    for (let i = 0; i < 60; i++) {
      const touched = new Date(future.getTime() + (lives ? i * 1000 : 0));
      await utimes(path, touched, touched).catch(() => {});
      t.mock.timers.tick(1000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    return taking;
  };
  await assert.rejects(take(true), { code: "session_in_use" });
  (await take(false)).release();
});

test("a lock that can't be written is not taken, and leaves no file", async (t) => {
  const disk = await tmpfs(t, "size=4k");
  if (!disk) return;
  await writeFile(join(disk.dir, "full"), Buffer.alloc(8192)).catch(() => {});
  const path = join(disk.dir, "session.lock");
  await assert.rejects(lockSession(path, "docs"), { code: "store_write_failed" });
  assert.ok(!existsSync(path));
});

test("an empty lock file, left by a kill between creating and writing, is taken over", async () => {
  const path = await place();
  await writeFile(path, "");
  (await lockSession(path, "docs")).release();
});
