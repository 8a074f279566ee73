import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openSession } from "../../../dist/index.js";
import { dtypeFor, requireDtype } from "../../../dist/runtime/devices/dtype.js";
import { deviceKindOf, machineHasGpu } from "../../../dist/runtime/devices/kind.js";
import { usableDevices } from "../../../dist/runtime/devices/resolve.js";
import { CPU } from "../../../dist/runtime/devices/types.js";
import { contextOf } from "../../../dist/stage/context.js";
import { envWith, fakeSmi } from "../../lib/gpus.ts";
import { sampleOptions, scratch } from "../../lib/sample.ts";

const settings = { device: "cpu", gpus: null, memoryCapBytes: 12e9, simulation: "t4x2" } as const;

test("auto takes GPUs by their device files, unless CUDA_VISIBLE_DEVICES hides them", async () => {
  const [none, some] = [await scratch("dev"), await scratch("dev")];
  for (const name of ["nvidia3", "nvidiactl"]) writeFileSync(join(some, name), "");
  writeFileSync(join(none, "nvidiactl"), "");
  const kind = (devices: string, visible?: string) =>
    deviceKindOf("auto", visible === undefined ? {} : { CUDA_VISIBLE_DEVICES: visible }, devices);
  assert.equal(kind(none), "cpu");
  assert.equal(kind(some), "cuda");
  for (const shown of ["0", "1,0", "GPU-5c3f9a2e", " 0"]) assert.equal(kind(some, shown), "cuda", shown);
  for (const hidden of ["", "-1", "NoDevFiles", "-1,0"]) assert.equal(kind(some, hidden), "cpu", hidden);
  assert.deepEqual([machineHasGpu(none), machineHasGpu(some)], [false, true], "whether it is used or not");
  assert.equal(deviceKindOf("cuda", { CUDA_VISIBLE_DEVICES: "" }, none), "cuda", "what is named is named");
});

test("the processor and WebGPU are taken as they are named; a GPU that is not there is an error", async () => {
  assert.deepEqual(await usableDevices(settings, {}), [CPU]);
  const [webgpu, ...others] = await usableDevices({ ...settings, device: "webgpu" }, {});
  assert.deepEqual([webgpu?.name, webgpu?.provider, others], ["webgpu", { kind: "webgpu" }, []]);
  const cuda = { ...settings, device: "cuda" } as const;
  await assert.rejects(usableDevices(cuda, { PATH: "/nowhere" }), {
    code: "device_not_usable",
    message: /^Device "cuda" can't be used\. GPU: there is no nvidia-smi\. Install NVIDIA's driver/,
  });
  const hidden = await envWith(await fakeSmi(), { CUDA_VISIBLE_DEVICES: "" });
  await assert.rejects(usableDevices(cuda, hidden), /CUDA_VISIBLE_DEVICES hides all GPUs \(there are 2\)/);
});

test("auto takes the weights that fit the device, and no others without a word", () => {
  const card = (...dtypes: string[]) => ({
    key: "m",
    onnx: Object.fromEntries(dtypes.map((dtype) => [dtype, `${dtype}.onnx`])),
  });
  const three = card("fp32", "fp16", "int8");
  assert.deepEqual(
    (["cpu", "cuda", "webgpu", "simulated"] as const).map((kind) => dtypeFor(three, "auto", kind)),
    ["fp32", "fp16", "fp32", "fp16"],
  );
  assert.equal(dtypeFor(card("fp32"), "auto", "cuda"), "fp32");
  assert.equal(dtypeFor(card("int8"), "auto", "cpu"), "int8");
  assert.throws(() => dtypeFor(card("int8"), "auto", "cuda"), { code: "no_dtype" });
  assert.equal(dtypeFor(three, "int8", "cpu"), "int8");
  for (const kind of ["cuda", "webgpu", "simulated"] as const)
    assert.throws(() => dtypeFor(three, "int8", kind), {
      code: "dtype_not_for_device",
      message: /fall back to the CPU/,
    });
});

test("bfloat16 is refused where a GPU has none", () => {
  const card = { key: "m", onnx: { fp16: "onnx/model_bf16.onnx", fp32: "onnx/model.onnx" } };
  const gpu = (computeCapability: string | null) => ({ ...CPU, name: "cuda:0", computeCapability });
  assert.throws(() => requireDtype(card, "fp16", gpu("7.5")), { code: "dtype_not_for_device", message: /"7\.5"/ });
  requireDtype(card, "fp16", gpu("8.0"));
  requireDtype(card, "fp32", gpu("7.5"));
  requireDtype(card, "fp16", CPU);
});

test("EMBEDDER_FORCE_CPU sets the device, and says so; a session opens whatever its device", async () => {
  const dir = await scratch("force");
  const { device: _, ...options } = sampleOptions(dir);
  const opened = async (variable: string, more: object = {}) => {
    process.env["EMBEDDER_FORCE_CPU"] = variable;
    try {
      const session = await openSession({ ...options, ...more });
      session.close();
      return session;
    } finally {
      delete process.env["EMBEDDER_FORCE_CPU"];
    }
  };
  const forced = await opened("1");
  assert.deepEqual([forced.settings.device, forced.provenance.device.source], ["cpu", "env"]);
  const unset = await opened("0");
  assert.deepEqual([unset.settings.device, unset.provenance.device.source], ["auto", "default"]);
  assert.equal((await opened("1", { device: "cuda" })).settings.device, "cuda", "the call comes last");
  await assert.rejects(opened("perhaps"), { code: "bad_setting", message: /"device" = "perhaps"/ });
});

test("a session for GPUs finds fp16 weights on a machine without any, and computes nothing there", async () => {
  const session = await openSession(sampleOptions(await scratch("cuda"), { device: "cuda" }));
  const context = contextOf(session);
  assert.equal(context.deviceKind, "cuda");
  const [model] = await context.locate([{ key: "sample-dense", role: "dense" }]);
  assert.equal(model?.dtype, "fp32", "the sample has no fp16");
  session.close();
});
