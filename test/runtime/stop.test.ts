import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startKernel } from "../../dist/notebook/kernel.js";
import { pacer } from "../../dist/runtime/pace.js";
import { root } from "../lib/sample.ts";
import { bertOnnx } from "./lib/bert.ts";
import { watchLateness } from "./lib/lateness.ts";
import { goneWithin } from "./lib/processes.ts";
import { scratch } from "./lib/table-model.ts";

const runtime = join(root, "dist/runtime");

/** Runs a script in a process of its own and gives what it printed. */
async function script(code: string): Promise<{ out: string; end: unknown }> {
  const child = spawn(process.execPath, [
    "--input-type=module",
    "-e",
    `import { stopSignal } from ${JSON.stringify(`${runtime}/stop.js`)};\n${code}`,
  ]);
  let out = "";
  child.stdout.on("data", (piece) => (out += piece));
  child.stderr.on("data", (piece) => (out += piece));
  const end = await once(child, "exit");
  return { out, end };
}

test("an interrupt aborts every stage that listens and ends no process; afterwards it is as before", async () => {
  const { out, end } = await script(`
    const stops = await Promise.all([stopSignal(), stopSignal(), stopSignal()]);
    stops[0].dispose();
    process.kill(process.pid, "SIGINT");
    await new Promise((r) => setTimeout(r, 50));
    console.log(stops.map((s) => s.signal.aborted).join());
    for (const stop of stops) { stop.dispose(); stop.dispose(); }
    console.log(process.listenerCount("SIGINT"));
    setTimeout(() => console.log("still here"), 2000);
    process.kill(process.pid, "SIGINT");
  `);
  assert.equal(out, "false,true,true\n0\n");
  assert.deepEqual(end, [null, "SIGINT"]);
});

test("a paced loop lets the event loop turn, and Stop is heard between its slices", async () => {
  /** A loop of 1 ms steps; gives the steps it made. */
  const loop = async (steps: number, signal?: AbortSignal) => {
    const pace = pacer(signal);
    for (let step = 0; step < steps; step++) {
      const start = performance.now();
      while (performance.now() - start < 1);
      const turn = pace();
      if (turn) await turn;
    }
  };
  const watch = watchLateness();
  await loop(200);
  assert.ok(watch.stop().length >= 5);
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 20);
  const start = performance.now();
  await assert.rejects(loop(10_000, controller.signal), { name: "AbortError" });
  assert.ok(performance.now() - start < 5000);
});

test("Stop in a real kernel: the batch ends, kernel and state live on, and Stop works again", async (t) => {
  const model = join(scratch(), "model.onnx");
  writeFileSync(
    model,
    bertOnnx({ layers: 2, hidden: 256, heads: 4, intermediate: 1024, vocabulary: 100, positions: 512 }),
  );
  const kernel = await startKernel({ cwd: tmpdir() });
  t.after(() => kernel.shutdown());
  const run = async (code: string) => {
    const { status, outputs, failure, seconds } = await kernel.execute(code, { timeoutMs: 60_000 });
    return { status, failure, seconds, text: outputs.map((output) => ("text" in output ? output.text : "")).join("") };
  };
  const setUp = await run(`
    const { stopSignal } = require(${JSON.stringify(join(runtime, "stop.js"))});
    const { openEncoder } = require(${JSON.stringify(join(runtime, "encoder.js"))});
    const state = { count: 0, listeners: process.listenerCount("SIGINT"), code: "", stoppedAt: 0 };
    const rows = 96, length = 512, size = rows * length;
    const batch = { rows, length, ids: new Int32Array(size), mask: new Uint8Array(size).fill(1), types: new Uint8Array(size) };
    const options = { model: "m", onnxFile: ${JSON.stringify(model)}, externalData: [], pooling: "mean", normalize: true, threads: 1, provider: { kind: "cpu" } };
    async function stage() {
      const stop = await stopSignal();
      try {
        const encoder = await openEncoder(options, stop.signal);
        console.log("pid", encoder.pid);
        await encoder.encode([batch]);
        return "finished";
      } catch (error) {
        state.count++;
        state.code = error.code;
        state.stoppedAt = Date.now();
        throw error;
      } finally {
        stop.dispose();
      }
    }
  `);
  assert.equal(setUp.failure, null);
  for (const round of [1, 2, 3]) {
    let child = 0;
    let pressed = 0;
    const cell = await kernel.execute("const answer = await stage(); answer", {
      timeoutMs: 60_000,
      onOutput: (output) => {
        child ||= Number(/pid (\d+)/.exec("text" in output ? output.text : "")?.[1] ?? 0);
        if (child > 0 && pressed === 0) {
          pressed = -1;
          void sleep(200).then(() => {
            pressed = Date.now();
            kernel.interrupt();
          });
        }
      },
    });
    assert.equal(cell.status, "error");
    assert.ok(child > 0 && pressed > 0);
    await goneWithin(child, 1000);
    const after = await run(`console.log(JSON.stringify({ ...state, now: process.listenerCount("SIGINT") }))`);
    const state = JSON.parse(after.text) as Record<string, number | string>;
    assert.equal(state.count, round);
    assert.equal(state.code, "stopped");
    assert.equal(state.now, state.listeners, "the listener was taken away");
    t.diagnostic(`round ${round}: stopped ${Number(state.stoppedAt) - pressed} ms after the interrupt`);
    assert.ok(Number(state.stoppedAt) - pressed < 300);
  }
});
