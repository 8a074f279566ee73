import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { chooseSink, trackProgress } from "../../dist/charts/progress.js";
import { type ProgressState, progressHtml, progressText } from "../../dist/charts/progress-line.js";

function recorder() {
  const states: (ProgressState & { at: number })[] = [];
  return { states, show: (state: ProgressState) => states.push({ ...state, at: performance.now() }) };
}

test("at most ten updates a second, however often it is called, and the last state is seen", async () => {
  const sink = recorder();
  const line = trackProgress({ label: "dense", total: 100_000, unit: "chunks" }, sink);
  const until = performance.now() + 1600;
  let done = 0;
  while (performance.now() < until) {
    for (let i = 0; i < 50; i++) line.update(++done);
    await sleep(1);
  }
  await sleep(200);
  assert.equal(sink.states.at(-1)?.done, done, "the trailing update was sent");
  line.finish();
  assert.ok(sink.states.length >= 8, `${sink.states.length} updates`);
  for (const { at } of sink.states) {
    const second = sink.states.filter((s) => s.at >= at && s.at < at + 1000);
    assert.ok(second.length <= 10, `${second.length} within a second`);
  }
});

test("rate and time left are told from what this call did", () => {
  let clock = 5_000;
  const sink = recorder();
  const line = trackProgress({ label: "dense", total: 1_000, unit: "chunks", before: 400 }, sink, () => clock);
  line.update(400);
  assert.equal(sink.states.at(-1)?.rate, null);
  clock += 2_000;
  line.update(600, "batch 7");
  assert.equal(sink.states.at(-1)?.rate, 100);
  assert.equal(
    progressText(sink.states.at(-1) as ProgressState, 200),
    "dense · 60 % · 600 of 1,000 chunks · 100 chunks/s · 4 s left · batch 7",
  );
  clock += 4_000;
  line.update(1_000);
  line.finish();
  assert.equal(
    progressText(sink.states.at(-1) as ProgressState, 200),
    "✓ dense · 600 chunks in 6 s, 100 chunks/s; 400 done before",
  );
});

test("a summary's rate is that of the time beside it, whenever the first update came", () => {
  let clock = 0;
  const sink = recorder();
  const line = trackProgress({ label: "chunk", total: 60, unit: "documents" }, sink, () => clock);
  clock += 1;
  line.update(1);
  assert.equal(sink.states.at(-1)?.rate, null, "the first moments tell nothing");
  clock += 999;
  line.update(1);
  clock += 2_000;
  line.update(60);
  line.finish();
  assert.equal(progressText(sink.states.at(-1) as ProgressState, 200), "✓ chunk · 60 documents in 3 s, 20 documents/s");
});

test("a failure is told whole, as long as the library's own messages are", () => {
  const sink = recorder();
  const line = trackProgress({ label: "dense", total: 10, unit: "chunks" }, sink, () => 0);
  line.fail(`${"the process died ".repeat(20)}run the cell again`);
  assert.match(sink.states.at(-1)?.message ?? "", /run the cell again \(after 0 s\)$/);
});

test("a finished or failed line says its last words once", () => {
  const sink = recorder();
  const line = trackProgress({ label: "rerank", total: 10, unit: "pairs" }, sink, () => 0);
  line.fail("the operator pressed Stop\u001b[2J\nnow");
  line.update(5);
  line.finish("done");
  assert.deepEqual(
    sink.states.map((s) => [s.outcome, s.message]),
    [["failed", "the operator pressed Stop\\u001b[2J now (after 0 s)"]],
  );
});

test("odd numbers make no odd line", () => {
  const sink = recorder();
  const line = trackProgress({ label: "export", total: 0, unit: "files" }, sink, () => 0);
  line.update(0);
  assert.equal(progressText(sink.states[0] as ProgressState, 200), "export · 100 % · 0 of 0 files");
  for (const done of [-5, 99]) {
    const other = recorder();
    trackProgress({ label: "x", total: 10, unit: "files" }, other, () => 0).update(done);
    assert.equal(other.states[0]?.done, done < 0 ? 0 : 10);
    assert.match(progressHtml(other.states[0] as ProgressState), new RegExp(`width:${done < 0 ? "0.0" : "100.0"}%`));
  }
});

test("a terminal gets one line in place, no longer than it is wide; a file or a pipe gets nothing", () => {
  assert.equal(chooseSink({ write: () => assert.fail("wrote to a pipe") }), null);
  let screen = "";
  const sink = chooseSink({ isTTY: true, columns: 40, write: (text) => (screen += text) });
  const line = trackProgress({ label: "L".repeat(100), total: 2, unit: "files" }, sink, () => 0);
  line.update(1);
  line.finish();
  const lines = screen.split("\r\u001b[2K");
  assert.equal(lines.length, 3);
  assert.ok(lines.every((l) => [...l.trimEnd()].length <= 39));
  assert.ok(screen.endsWith("\n") && screen.indexOf("\n") === screen.length - 1);
});
