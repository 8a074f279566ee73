import assert from "node:assert/strict";
import { mkdir, open, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { diskUsage, freeBytes, requireSpace, shortageOf, spareBytes } from "../../dist/store/disk.js";
import { tmpfs } from "../lib/mounts.ts";
import { scratch } from "../lib/sample.ts";

test("room to spare is a tenth, from 1 to 64 MiB", () => {
  assert.equal(spareBytes(1), 1 << 20);
  assert.equal(spareBytes(100e6), 10e6);
  assert.equal(spareBytes(1e12), 64 << 20);
});

test("what does not fit is refused with both figures and the ways out; what fits is not", async (t) => {
  const disk = await tmpfs(t, "size=8m");
  if (!disk) return;
  const folder = join(disk.dir, "not/there/yet");
  assert.equal(await freeBytes(folder), 8 << 20);
  await requireSpace(folder, 7 << 20, "A test");
  await requireSpace(folder, 0, "Nothing");
  const error = await requireSpace(folder, 10e6, "A test", "go elsewhere").then(
    () => assert.fail("it fitted"),
    (e: { code: string; message: string }) => e,
  );
  assert.equal(error.code, "disk_too_small");
  assert.match(error.message, /^A test needs up to 11 MB in ".*not\/there\/yet", where 8\.39 MB are free\./);
  assert.match(error.message, /listRuns\(session\).*removeRuns\(session, \{ unused: true \}\).*or go elsewhere\.$/);
  await writeFile(join(disk.dir, "filler"), Buffer.alloc(6 << 20));
  assert.deepEqual(await shortageOf(folder, 2 << 20), { needed: 3 << 20, free: 2 << 20, quota: null });
});

test("disk usage counts blocks: not what a sparse file claims, not what a link leads to", async () => {
  const dir = await scratch("usage");
  assert.equal(await diskUsage(join(dir, "none")), 0);
  await mkdir(join(dir, "a/b"), { recursive: true });
  const file = await open(join(dir, "a/b/sparse"), "w");
  await file.truncate(1e9);
  await file.sync();
  await file.close();
  await writeFile(join(dir, "a/full"), Buffer.alloc(1 << 20, 1));
  await symlink(join(dir, "a/full"), join(dir, "a/link"));
  const bytes = await diskUsage(dir);
  assert.ok(bytes >= 1 << 20 && bytes < 2 << 20, String(bytes));
});
