import assert from "node:assert/strict";
import { test } from "node:test";
import { simulatedPass } from "./lib/simulated-pass.ts";

const lengths = Array.from({ length: 600 }, (_, i) => 20 + ((i * 37) % 200));
const gpus = [{}, {}];
/** Small batches, so that both devices have many. */
const settings = { tokenBudget: 2048 };

test("when the session ends, devices finish what they compute and begin no other batch; the next attempt goes on", async () => {
  const whole = await simulatedPass({ gpus, lengths, settings });
  assert.equal(whole.error, null);
  let last = 0;
  const stopped = await simulatedPass({
    gpus,
    lengths,
    settings,
    due(done) {
      last = done;
      return done >= 150;
    },
  });
  assert.equal(stopped.error?.code, "stopped");
  const records = stopped.telemetry.batches;
  const done = records.reduce((sum, { rows }) => sum + rows, 0);
  assert.equal(done, last, "what was under way is journaled before the pass ends");
  assert.ok(done >= 150 && done < 600, `${done} rows`);
  const again = await simulatedPass({ gpus, lengths, settings, dir: stopped.dir });
  assert.equal(again.error, null);
  assert.equal(again.resumed, records.length);
  assert.deepEqual(again.rows, whole.rows);
});

test("a pass whose last batch is under way when the session ends is finished", async () => {
  const pass = await simulatedPass({ gpus, lengths, settings, due: (done) => done >= 600 });
  assert.equal(pass.error, null);
});

test("a session whose limit has passed by the time its last batch is done has no rows missing without a word", async () => {
  let asked = 0;
  // Due for a moment only, as when a batch lasts from before the limit to behind it.
  const pass = await simulatedPass({ gpus, lengths, settings, due: (done) => done >= 150 && asked++ < gpus.length });
  assert.equal(pass.error?.code, "stopped");
  const again = await simulatedPass({ gpus, lengths, settings, dir: pass.dir });
  assert.equal(again.error, null);
  assert.ok(again.rows.every((row) => row !== undefined));
});
