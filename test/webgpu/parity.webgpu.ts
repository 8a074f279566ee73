import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import * as rag from "../../dist/index.js";
import { openEncoder } from "../../dist/runtime/encoder.js";
import type { EncoderOptions, TokenBatch } from "../../dist/runtime/types.js";
import { corpusOf, root, sampleModels, sampleOptions, scratch } from "../lib/sample.ts";
import { bertOnnx } from "../runtime/lib/bert.ts";
import { goneWithin, runs } from "../runtime/lib/processes.ts";

const place = join(root, ".cache/swiftshader");
/** Furthest that a number may be from the CPU's. */
const TOLERANCE = 1e-4;

const driver = join(place, "vk_swiftshader_icd.json");
const skip = existsSync(driver) ? false : "SwiftShader is not here: run test/webgpu/swiftshader.sh";

before(() => {
  if (skip !== false) return;
  // An inference process inherits them.
  Object.assign(process.env, { VK_ICD_FILENAMES: driver, LD_LIBRARY_PATH: place });
});

/** Three rows of unlike length, so that two are padded. Ids from all over the vocabulary. */
function batch(): TokenBatch {
  const [rows, length] = [3, 16];
  const at = (i: number) => ({ row: Math.floor(i / length), column: i % length });
  const isText = (i: number) => at(i).column < length - 4 * at(i).row;
  const all = Array.from({ length: rows * length }, (_, i) => i);
  return {
    rows,
    length,
    ids: Int32Array.from(all, (i) => (isText(i) ? 5 + ((i * 977) % 4000) : 0)),
    mask: Uint8Array.from(all, (i) => (isText(i) ? 1 : 0)),
    types: Uint8Array.from(all, (i) => (isText(i) && at(i).column > 7 ? 1 : 0)),
  };
}

async function computed(options: Omit<EncoderOptions, "provider">, kind: "cpu" | "webgpu") {
  const encoder = await openEncoder({ ...options, provider: { kind }, probe: true });
  try {
    const { output } = await encoder.encode([batch()]);
    return { output, placement: encoder.placement ?? {} };
  } finally {
    await encoder.close();
  }
}

const models = [
  ["dense", "mean"],
  ["splade", "splade"],
  ["rerank", "none"],
] as const;

for (const [model, pooling] of models) {
  test(`${model}: WebGPU computes what the CPU does, within ${TOLERANCE}`, { skip }, async () => {
    const options = {
      model,
      onnxFile: join(sampleModels, `rag-cells-sample-${model}`, "onnx/model.onnx"),
      externalData: [],
      pooling,
      normalize: true,
      threads: 2,
    };
    const cpu = await computed(options, "cpu");
    const gpu = await computed(options, "webgpu");
    assert.deepEqual(Object.keys(cpu.placement), ["CPUExecutionProvider"]);
    const { WebGpuExecutionProvider: there = 0, CPUExecutionProvider: left = 0 } = gpu.placement;
    assert.ok(there > 10 * left || there > left + 50, `${there} nodes on WebGPU, ${left} on the CPU`);
    const [a, b] = [numbersOf(cpu.output), numbersOf(gpu.output)];
    assert.ok(a.size > 0);
    for (const at of new Set([...a.keys(), ...b.keys()])) {
      // A term that is not there weighs nothing.
      const [value, other] = [a.get(at) ?? 0, b.get(at) ?? 0];
      assert.ok(Math.abs(other - value) <= TOLERANCE, `${at}: ${other} is not ${value}`);
    }
  });
}

/** Numbers by where they stand: place in a dense row, or row and term of a sparse one. */
function numbersOf(output: Awaited<ReturnType<typeof computed>>["output"]): Map<string, number> {
  if (output.kind === "dense") return new Map([...output.data].map((value, i) => [String(i), value]));
  const rowOf = (i: number) => output.indptr.findIndex((end) => end > i);
  return new Map([...output.values].map((value, i) => [`${rowOf(i)}/${output.indices[i]}`, value]));
}

test("a stage computes on WebGPU, and its run says what the nodes ran on", { skip }, async () => {
  const corpus = await corpusOf({
    "a.md": "# Tables\n\nExport tables to Markdown.\n\n# Images\n\nPictures are kept apart.\n",
  });
  const vectorsOn = async (device: "cpu" | "webgpu") => {
    const session = await rag.openSession(sampleOptions(await scratch("stage"), { device }));
    const dense = await rag.runDense(session, await rag.chunk(session, { files: join(corpus, "*.md") }));
    session.close();
    return { dense, data: (await rag.readVectors(dense)).data };
  };
  const [cpu, gpu] = [await vectorsOn("cpu"), await vectorsOn("webgpu")];
  assert.equal(gpu.dense.vectors[0]?.model?.device, "webgpu");
  assert.ok((gpu.dense.telemetry.devices?.[0]?.placement?.["WebGpuExecutionProvider"] ?? 0) > 50);
  assert.ok(cpu.data.every((value, i) => Math.abs(value - (gpu.data[i] as number)) <= TOLERANCE));
});

test("a process that computes on WebGPU ends with its parent, in the middle of a batch of minutes", {
  skip,
}, async (t) => {
  const model = join(await scratch("orphan"), "model.onnx");
  writeFileSync(
    model,
    bertOnnx({ layers: 2, hidden: 256, heads: 4, intermediate: 1024, vocabulary: 100, positions: 512 }),
  );
  const file = join(root, "test/runtime/lib/parent.ts");
  const parent = spawn(process.execPath, [file, model, "long", "webgpu"], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(parent, "exit");
  const [line] = await once(parent.stdout, "data");
  const child = Number(String(line).trim());
  await sleep(2000);
  assert.ok(runs(child));
  parent.kill("SIGKILL");
  await exited;
  t.diagnostic(`gone after ${(await goneWithin(child, 3000)).toFixed(0)} ms`);
});

test("doctor proves the adapter, and says what computes", { skip }, async () => {
  const session = await rag.openSession(sampleOptions(await scratch("webgpu"), { device: "webgpu" }));
  const report = await rag.doctor(session);
  session.close();
  const check = report.checks.find(({ name }) => name === "inference on webgpu");
  assert.match(check?.said ?? "", /^a small model computed a vector on webgpu .*\d+ on WebGpuExecutionProvider/);
  assert.equal(report.ok, true);
});
