import assert from "node:assert/strict";
import { test } from "node:test";
import { driveAll } from "../../dist/pass/drive.js";
import type { PreparedBatch } from "../../dist/pass/frames.js";
import { type Member, openMember } from "../../dist/pass/member.js";
import { workQueue } from "../../dist/pass/queue.js";
import type { SimulatedFault } from "../../dist/schema/simulated-types.js";
import { batchOf, gpus, optionsOn } from "../runtime/lib/simulated.ts";

const LENGTH = 64;

/** A device of a simulation, without a budget. */
async function memberOn(...faults: SimulatedFault[]): Promise<Member> {
  const [device] = await gpus({ faults });
  if (!device) throw new Error("no device");
  const { provider: _, env: __, ...options } = optionsOn(device);
  return openMember({
    device,
    options,
    signal: new AbortController().signal,
    maxRows: 64,
    limitBytes: 10e9,
    tokenBudget: 4 * LENGTH,
    timeoutSeconds: null,
    sampling: { source: "none", interval: "never", capBytes: null },
    readBytes: async () => null,
    openBudget: async () => null,
    loading: (load) => load(),
    started: () => {},
  });
}

const prepare = async (rows: readonly number[]): Promise<PreparedBatch> => ({
  rows,
  prepared: [],
  texts: [],
  padded: batchOf(rows.length, LENGTH),
});

test("a process that can make no new session is ended, and the batch gets its fresh process", async () => {
  const real = await memberOn({ batch: 1, kind: "out_of_memory", times: 2 });
  let renewals = 0;
  const member: Member = {
    ...real,
    async renew() {
      renewals++;
      real.kill("12 GB were in use, and the process was ended");
      await real.renew();
    },
  };
  const events: string[] = [];
  const done: number[] = [];
  try {
    const failed = await driveAll({
      model: "test-model",
      members: [member],
      queue: workQueue(
        [{ rows: Array.from({ length: 16 }, (_, row) => row), length: LENGTH, fixed: false, restarts: 0 }],
        () => LENGTH,
      ),
      lengths: () => LENGTH,
      prepare,
      writer: {
        write: async ({ rows }) => void done.push(...rows),
        settle: async () => {},
      },
      rules: { cut: true, restart: true },
      event: ({ kind }) => void events.push(kind),
    });
    assert.deepEqual(failed, []);
  } finally {
    await real.end();
  }
  assert.equal(renewals, 1);
  assert.deepEqual(events, ["halved", "new_session", "new_process"]);
  assert.deepEqual(
    done.sort((a, b) => a - b),
    Array.from({ length: 16 }, (_, row) => row),
  );
});
