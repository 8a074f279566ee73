import assert from "node:assert/strict";
import { mkdtemp, readFile, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openJournal } from "../../dist/store/journal.js";

async function filled(frames: number): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), "journal-")), "x.journal");
  const journal = await openJournal<{ batch: number }>(path, "plan-a");
  for (let i = 0; i < frames; i++) await journal.append({ batch: i }, Buffer.alloc(100 + i, i));
  await journal.close();
  return path;
}

test("what was appended is there again, in order and byte for byte", async () => {
  const journal = await openJournal<{ batch: number }>(await filled(5), "plan-a");
  assert.deepEqual(
    journal.frames.map((frame) => frame.meta.batch),
    [0, 1, 2, 3, 4],
  );
  assert.deepEqual(await journal.read(3), Buffer.alloc(103, 3));
  await journal.close();
});

test("cut at every byte, it keeps exactly the whole frames and goes on", async () => {
  const whole = await readFile(await filled(3));
  const ends: number[] = [];
  const path = join(await mkdtemp(join(tmpdir(), "journal-")), "x.journal");
  for (let cut = 0; cut <= whole.length; cut++) {
    await writeFile(path, whole.subarray(0, cut));
    const journal = await openJournal<{ batch: number }>(path, "plan-a");
    ends.push(journal.frames.length);
    if (cut % 50 === 0) {
      await journal.append({ batch: 99 }, Buffer.from("next"));
      assert.equal((await journal.read(journal.frames.length - 1)).toString(), "next");
    }
    await journal.close();
  }
  assert.equal(ends[0], 0);
  assert.equal(ends.at(-1), 3);
  assert.deepEqual(
    ends,
    [...ends].sort((a, b) => a - b),
    "a longer file never keeps fewer frames",
  );
});

test("a frame whose bytes were altered is not taken for whole, nor what stands behind it", async () => {
  const path = await filled(3);
  const bytes = await readFile(path);
  bytes[bytes.length - 120] = (bytes[bytes.length - 120] as number) ^ 1;
  await writeFile(path, bytes);
  const journal = await openJournal(path, "plan-a");
  assert.ok(journal.frames.length < 3);
  await journal.close();
});

test("a journal of another plan is begun anew", async () => {
  const path = await filled(4);
  const journal = await openJournal(path, "plan-b");
  assert.equal(journal.frames.length, 0);
  await journal.close();
  await truncate(path, 3);
  const again = await openJournal(path, "plan-b");
  assert.equal(again.frames.length, 0);
  await again.close();
});
