import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openEncoder } from "../../dist/runtime/encoder.js";
import { loadError } from "../../dist/runtime/load-error.js";
import { MISPLACED, misplacedNodes, nodesOf, placementOf } from "../../dist/runtime/placement.js";
import { sampleModels } from "../lib/sample.ts";

const options = {
  model: "sample-dense",
  onnxFile: join(sampleModels, "rag-cells-sample-dense/onnx/model.onnx"),
  externalData: [],
  pooling: "mean",
  normalize: true,
  threads: 1,
} as const;

const event = (op: string, provider: string, name = `${op}_kernel_time`, cat = "Node") => ({
  cat,
  name,
  args: { op_name: op, provider },
});

const profileOf = (...nodes: [string, string][]) => JSON.stringify(nodes.map(([op, provider]) => event(op, provider)));

test("a probe says what computed, its profile is gone, and later batches are not profiled", async () => {
  const before = readdirSync(tmpdir());
  const encoder = await openEncoder({ ...options, provider: { kind: "cpu" }, probe: true });
  const { placement } = encoder;
  const batch = {
    rows: 1,
    length: 3,
    ids: Int32Array.of(2, 7, 3),
    mask: new Uint8Array(3).fill(1),
    types: new Uint8Array(3),
  };
  await encoder.encode([batch]);
  await encoder.renew();
  await encoder.encode([batch]);
  await encoder.close();
  assert.deepEqual(Object.keys(placement ?? {}), ["CPUExecutionProvider"]);
  assert.ok((placement?.["CPUExecutionProvider"] ?? 0) > 50);
  const left = readdirSync(tmpdir()).filter((name) => name.startsWith("rag-cells-probe-") && !before.includes(name));
  assert.deepEqual(left, []);
  const silent = await openEncoder({ ...options, provider: { kind: "cpu" } });
  await silent.close();
  assert.equal(silent.placement, null);
});

test("nodes are counted once, by provider and operator; what is no kernel is not", () => {
  const profile = JSON.stringify([
    event("MatMul", "CUDAExecutionProvider"),
    event("MatMul", "CUDAExecutionProvider"),
    event("MatMul", "CUDAExecutionProvider", "MatMul_fence_before"),
    event("Shape", "CPUExecutionProvider"),
    event("x", "y", "model_run", "Session"),
    { cat: "Node", name: "Odd_kernel_time", args: { provider: 7 } },
    { cat: "Node" },
  ]);
  assert.deepEqual(placementOf(nodesOf(profile)), { CUDAExecutionProvider: 2, CPUExecutionProvider: 1 });
  assert.throws(() => nodesOf("{}"), TypeError);
});

test("shapes may stay on the CPU, arithmetic may not", () => {
  const [gpu, cpu] = ["CUDAExecutionProvider", "CPUExecutionProvider"];
  assert.equal(
    misplacedNodes(nodesOf(profileOf(["MatMul", gpu], ["Shape", cpu], ["Cast", cpu], ["Gather", cpu]))),
    null,
  );
  for (const op of [
    "MatMul",
    "FusedMatMul",
    "MatMulInteger",
    "Gemm",
    "MultiHeadAttention",
    "Softmax",
    "SkipLayerNormalization",
  ])
    assert.equal(
      misplacedNodes(nodesOf(profileOf([op, cpu], ["Add", gpu]))),
      `${MISPLACED}1 ${op}; ${cpu} 1 nodes, ${gpu} 1 nodes`,
    );
  assert.match(misplacedNodes(nodesOf(profileOf(["Add", cpu]))) ?? "", /every node/, "nothing at all on the GPU");
});

test("what a load's failure means: the device, the placement, the memory, or the model", () => {
  const code = (words: string, kind: "cpu" | "cuda" | "webgpu") =>
    loadError({ ...options, provider: { kind } }, words).code;
  assert.equal(code("Failed to get a WebGPU adapter: No supported adapters", "webgpu"), "device_not_usable");
  assert.equal(
    code("OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library", "cuda"),
    "device_not_usable",
  );
  assert.equal(code("CUDA failure 100: no CUDA-capable device is detected", "cuda"), "device_not_usable");
  const noHalf =
    "shader_helper.cc:401 GenerateSourceCode Program Cast requires f16 but the device does not support it.";
  assert.equal(code(noHalf, "webgpu"), "dtype_not_for_device");
  assert.equal(code(`${MISPLACED}3 MatMul`, "cuda"), "graph_misplaced");
  assert.equal(code("Failed to allocate memory for requested buffer of size 123", "cuda"), "out_of_memory");
  assert.equal(code("Load model failed: Protobuf parsing failed.", "cuda"), "model_not_loaded");
  assert.equal(code("Failed to load library", "cpu"), "model_not_loaded");
});

test("a device that is not there is an error that names it and the way out", async () => {
  const none = { VK_ICD_FILENAMES: "/nowhere.json", VK_DRIVER_FILES: "/nowhere.json" };
  await assert.rejects(openEncoder({ ...options, provider: { kind: "webgpu" }, env: none, probe: true }), {
    code: "device_not_usable",
    message:
      /^Device "webgpu" can't be used\. The runtime says: Failed to get a WebGPU adapter.*libvulkan.*device: "cpu"/,
  });
});
