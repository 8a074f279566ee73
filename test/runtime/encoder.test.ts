import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { openEncoder } from "../../dist/runtime/encoder.js";
import type { TokenBatch } from "../../dist/runtime/types.js";
import { bertOnnx } from "./lib/bert.ts";
import { writeGraph } from "./lib/onnx-writer.ts";
import { goneWithin, runs } from "./lib/processes.ts";
import { normals, seeded } from "./lib/random.ts";
import { batchOf, openBytes, optionsFor, scratch, tableOnnx } from "./lib/table-model.ts";

const DIM = 8;
const table = normals(seeded(1), 20 * DIM, 1);
const small = tableOnnx({ opset: 17, table, dim: DIM });

const folder = scratch();
const slowFile = join(folder, "slow.onnx");
writeFileSync(
  slowFile,
  bertOnnx({ layers: 2, hidden: 256, heads: 4, intermediate: 1024, vocabulary: 100, positions: 512 }),
);

/** Takes seconds on any machine of today. */
function slowBatch(): TokenBatch {
  return batchOf(Array.from({ length: 96 }, (_, row) => Array.from({ length: 512 }, (_, i) => (row + i) % 100)));
}

test("batches under way at once come back each to its caller, with measurements", async (t) => {
  const encoder = await openBytes(t, small);
  assert.ok(runs(encoder.pid) && encoder.pid !== process.pid);
  assert.ok(encoder.loadSeconds > 0 && encoder.loadedRssBytes > 2 ** 20);
  const answers = await Promise.all([3, 4, 5].map((id) => encoder.encode([batchOf([[id], [id]])])));
  answers.forEach(({ output, report }, i) => {
    assert.ok(output.kind === "dense" && output.dim === DIM);
    assert.deepEqual(
      [...output.data],
      [...table.subarray((i + 3) * DIM, (i + 4) * DIM), ...table.subarray((i + 3) * DIM, (i + 4) * DIM)],
    );
    assert.ok(report.runSeconds > 0 && report.runSeconds < 10);
    assert.ok(report.peakRssBytes >= report.rssBytes * 0.9 && report.rssBytes > 2 ** 20);
  });
  await encoder.close();
  await encoder.close();
  assert.equal(runs(encoder.pid), false);
  await assert.rejects(encoder.encode([batchOf([[1]])]), { code: "encoder_closed" });
});

test("the peak is the child's own, not this process's", async (t) => {
  const ballast = Buffer.alloc(400 * 2 ** 20, 1);
  const encoder = await openBytes(t, small);
  const { report } = await encoder.encode([batchOf([[1]])]);
  assert.ok(process.memoryUsage.rss() > ballast.length);
  assert.ok(report.peakRssBytes < ballast.length, `${report.peakRssBytes}`);
});

test("a killed child is an error that names model, signal and remedy; the next one works", async (t) => {
  const encoder = await openEncoder(optionsFor(slowFile));
  const running = encoder.encode([slowBatch()]);
  const queued = encoder.encode([batchOf([[1]])]);
  await sleep(100);
  process.kill(encoder.pid, "SIGKILL");
  const expected = { code: "inference_process_died", message: /"test-model" died with signal SIGKILL.*tokenBudget/ };
  await Promise.all([assert.rejects(running, expected), assert.rejects(queued, expected)]);
  await assert.rejects(encoder.encode([batchOf([[1]])]), expected);
  await encoder.close();
  const again = await openBytes(t, small);
  assert.equal((await again.encode([batchOf([[1]])])).output.kind, "dense");
});

test("the end of what a dead child wrote is in the error", async () => {
  const encoder = await openEncoder(optionsFor(slowFile, { verbose: true }));
  const running = encoder.encode([slowBatch()]);
  await sleep(100);
  process.kill(encoder.pid, "SIGSEGV");
  await assert.rejects(running, (error: Error) => {
    assert.match(
      error.message,
      /died with signal SIGSEGV\. Its last words were ".*onnxruntime.*"\. If it dies there again, see what doctor\(session\)/,
    );
    assert.doesNotMatch(error.message, /\u001b/);
    return error.message.length < 1500;
  });
});

test("Stop ends a long batch at once and leaves no process", async () => {
  const controller = new AbortController();
  const encoder = await openEncoder(optionsFor(slowFile), controller.signal);
  const running = encoder.encode([slowBatch()]);
  await sleep(200);
  const start = performance.now();
  controller.abort();
  await assert.rejects(running, { code: "stopped" });
  // A busy machine takes its time; the batch would take seconds.
  assert.ok(performance.now() - start < 1000);
  await goneWithin(encoder.pid, 1000);
  await assert.rejects(encoder.encode([batchOf([[1]])]), { code: "stopped" });
});

test("Stop before and during loading", async () => {
  await assert.rejects(openEncoder(optionsFor(slowFile), AbortSignal.abort()), { code: "stopped" });
  const controller = new AbortController();
  const loading = openEncoder(optionsFor(slowFile), controller.signal);
  setTimeout(() => controller.abort(), 20);
  await assert.rejects(loading, { code: "stopped" });
});

test("an interrupt of the process group does not end a batch", async () => {
  const encoder = await openEncoder(optionsFor(slowFile));
  const batch = slowBatch();
  const running = encoder.encode([
    {
      ...batch,
      rows: 4,
      ids: batch.ids.subarray(0, 2048),
      mask: batch.mask.subarray(0, 2048),
      types: batch.types.subarray(0, 2048),
    },
  ]);
  process.kill(encoder.pid, "SIGINT");
  assert.equal((await running).output.kind, "dense");
  await encoder.close();
});

test("a batch that onnxruntime refuses is an error in its words, and the process lives on", async (t) => {
  const encoder = await openBytes(t, small);
  await assert.rejects(encoder.encode([batchOf([[1, 99]])]), {
    code: "inference_failed",
    message: /1 rows of 2 tokens.*out of data bounds/,
  });
  assert.equal((await encoder.encode([batchOf([[1]])])).output.kind, "dense");
});

test("a batch whose arrays don't fit is refused before it is sent", async (t) => {
  const encoder = await openBytes(t, small);
  const good = batchOf([
    [1, 2],
    [3, 4],
  ]);
  await assert.rejects(encoder.encode([good, { ...good, mask: new Uint8Array(3) }]), {
    code: "bad_batch",
    message: /3 mask for 2 rows of 2/,
  });
  await assert.rejects(encoder.encode([{ ...good, rows: 0 }]), { code: "bad_batch" });
  await assert.rejects(encoder.encode([{ ...good, length: Number.NaN }]), { code: "bad_batch" });
});

test("position ids, segment ids and int32 inputs are fed where the graph has them", async (t) => {
  const graph = writeGraph(17);
  const sum = ["input_ids", "token_type_ids", "position_ids"].reduce(
    (x, name) =>
      graph.op("Add", [
        x,
        graph.op("Mul", [
          graph.op("Cast", [name], { to: 1 }),
          graph.scalar(name === "input_ids" ? 1 : name === "position_ids" ? 10 : 100),
        ]),
      ]),
    graph.scalar(0),
  );
  const axes = graph.weight("axes", [1], BigInt64Array.of(2n));
  graph.op("Unsqueeze", [sum, axes], {}, "last_hidden_state");
  const input = (name: string, type: number) => [name, type, ["batch", "length"]] as const;
  const bytes = graph.bytes(
    [input("input_ids", 7), input("attention_mask", 7), input("token_type_ids", 6), input("position_ids", 7)],
    [["last_hidden_state", 1, ["batch", "length", 1]]],
  );
  const encoder = await openBytes(t, bytes, { pooling: "last_token" });
  const batch = {
    ...batchOf(
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
      [
        [1, 1, 1],
        [1, 1, 0],
      ],
    ),
    types: Uint8Array.of(0, 1, 1, 0, 0, 0),
  };
  const { output } = await encoder.encode([batch]);
  assert.ok(output.kind === "dense");
  assert.deepEqual([...output.data], [3 + 20 + 100, 5 + 10]);
});

test("pooling none gives the raw logits", async (t) => {
  const bytes = bertOnnx({
    layers: 1,
    hidden: 16,
    heads: 2,
    intermediate: 32,
    vocabulary: 20,
    positions: 32,
    head: "pair",
  });
  const encoder = await openBytes(t, bytes, { pooling: "none" });
  const { output } = await encoder.encode([
    batchOf([
      [1, 2],
      [3, 4],
      [5, 6],
    ]),
  ]);
  assert.ok(output.kind === "dense" && output.dim === 1 && output.data.length === 3);
  assert.equal(new Set(output.data).size, 3);
});
