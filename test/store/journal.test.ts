import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openJournal } from "../../dist/store/journal.js";
import { countBatches } from "../../dist/store/journal-format.js";
import { scratch } from "../lib/sample.ts";

interface Meta {
  readonly batch: number;
}
interface Plan {
  readonly batches: readonly number[];
}

const plan: Plan = { batches: [3, 1, 2] };
const unwanted = async (): Promise<Plan> => assert.fail("the stored plan counts, no other is asked for");
/** How the test's caller would plan today. */
const other = async (): Promise<Plan> => ({ batches: [6] });

async function filled(frames: number): Promise<string> {
  const path = join(await scratch("journal"), "x.journal");
  const journal = await openJournal<Meta, Plan>(path, "key-a", async () => plan);
  assert.ok(!journal.discarded);
  for (let i = 0; i < frames; i++) await journal.append({ meta: { batch: i }, payload: Buffer.alloc(100 + i, i) });
  await journal.close();
  return path;
}

test("what was appended is there again, in order and byte for byte, and so is the plan", async () => {
  const journal = await openJournal<Meta, Plan>(await filled(5), "key-a", unwanted);
  assert.deepEqual(journal.plan, plan);
  assert.deepEqual(
    journal.frames.map((frame) => frame.meta.batch),
    [0, 1, 2, 3, 4],
  );
  assert.deepEqual(await journal.read(3), Buffer.alloc(103, 3));
  await journal.close();
});

test("cut at every byte, it keeps exactly the whole frames and goes on", async () => {
  const whole = await readFile(await filled(3));
  const header = (await readFile(await filled(0))).length;
  const ends: number[] = [];
  const path = join(await scratch("journal"), "x.journal");
  for (let cut = 0; cut <= whole.length; cut++) {
    await writeFile(path, whole.subarray(0, cut));
    const counted = await countBatches(path);
    const journal = await openJournal<Meta, Plan>(path, "key-a", other);
    ends.push(journal.frames.length);
    assert.equal(counted, journal.frames.length);
    assert.deepEqual(journal.plan, cut < header ? await other() : plan, "half a plan is no plan");
    assert.ok(!journal.discarded, "nothing that was finished is lost to a torn header");
    if (cut % 50 === 0) {
      await journal.append({ meta: { batch: 99 }, payload: Buffer.from("next") });
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

test("an altered byte anywhere costs what stands behind it, and is never taken for whole", async () => {
  const whole = await readFile(await filled(3));
  const header = (await readFile(await filled(0))).length;
  const path = join(await scratch("journal"), "x.journal");
  for (let at = 0; at < whole.length; at++) {
    const bytes = Buffer.from(whole);
    bytes[at] = (bytes[at] as number) ^ 0x41;
    await writeFile(path, bytes);
    const journal = await openJournal<Meta, Plan>(path, "key-a", other);
    for (let i = 0; i < journal.frames.length; i++) {
      assert.equal(journal.frames[i]?.meta.batch, i);
      assert.deepEqual(await journal.read(i), Buffer.alloc(100 + i, i));
    }
    if (at < header - 1) {
      assert.ok(journal.frames.length === 0 && journal.discarded, `byte ${at}: begun anew, and it says so`);
      assert.deepEqual(journal.plan, await other());
    } else {
      assert.ok(journal.frames.length < 3 || at === header - 1);
      assert.deepEqual(journal.plan, plan);
    }
    await journal.close();
  }
});

test("a journal under another key is begun anew, and it says so", async () => {
  const path = await filled(4);
  const journal = await openJournal<Meta, Plan>(path, "key-b", other);
  assert.equal(journal.frames.length, 0);
  assert.ok(journal.discarded);
  assert.deepEqual(journal.plan, await other());
  await journal.close();
  const again = await openJournal<Meta, Plan>(path, "key-b", unwanted);
  assert.ok(!again.discarded);
  await again.close();
});

test("a plan that can't be made leaves a journal that is begun anew", async () => {
  const path = join(await scratch("journal"), "x.journal");
  const failing = async (): Promise<Plan> => {
    throw new Error("no tokenizer");
  };
  await assert.rejects(openJournal<Meta, Plan>(path, "key-a", failing), /no tokenizer/);
  const journal = await openJournal<Meta, Plan>(path, "key-a", async () => plan);
  assert.deepEqual(journal.plan, plan);
  await journal.close();
});

test("frames that are appended together are each there, those of one batch count once, and an event is no batch", async () => {
  interface Recorded {
    readonly record: { readonly device: string; readonly batch: number } | null;
    readonly event?: object;
  }
  const path = join(await scratch("journal"), "x.journal");
  const journal = await openJournal<Recorded, Plan>(path, "key-a", async () => plan);
  const entry = (record: Recorded["record"], fill: number) => ({ meta: { record }, payload: Buffer.alloc(50, fill) });
  await journal.append(entry({ device: "cuda:0", batch: 0 }, 1), entry({ device: "cuda:1", batch: 0 }, 2));
  await journal.append(entry({ device: "cuda:0", batch: 0 }, 3), entry(null, 4), entry(null, 5));
  await journal.append(entry({ device: "cuda:0", batch: 4 }, 6));
  await journal.append({ meta: { record: null, event: { kind: "halved" } }, payload: Buffer.alloc(0) });
  await journal.close();
  const again = await openJournal<Recorded, Plan>(path, "key-a", async () => assert.fail("it is there"));
  for (let i = 0; i < 6; i++) assert.deepEqual(await again.read(i), Buffer.alloc(50, i + 1));
  assert.deepEqual(await again.read(6), Buffer.alloc(0));
  assert.equal(again.frames.length, 7);
  await again.close();
  assert.equal(await countBatches(path), 5);
});
