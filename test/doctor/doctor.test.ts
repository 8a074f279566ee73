import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { checkTable } from "../../dist/doctor/check.js";
import { absentLibraries, checkGpus, checkProvider, parseGpus } from "../../dist/doctor/gpu.js";
import { checkInference } from "../../dist/doctor/inference.js";
import { checkMemory, checkNode } from "../../dist/doctor/machine.js";
import { writeTree } from "../kit/fake.ts";
import { root, sampleModels, scratch } from "../lib/sample.ts";

const cwd = await scratch("doctor");

function doctor(args: readonly string[] = [], env: Record<string, string> = {}) {
  const temporary = join(cwd, "tmp");
  mkdirSync(temporary, { recursive: true });
  const done = spawnSync(process.execPath, [join(root, "dist/cli/main.js"), "doctor", ...args], {
    cwd,
    encoding: "utf8",
    env: { ...process.env, HF_HOME: join(cwd, "none"), TMPDIR: temporary, ...env },
  });
  assert.deepEqual(readdirSync(temporary), [], "a look leaves nothing");
  assert.ok(!existsSync(join(cwd, "out")), "not even a folder for sessions");
  return done;
}

test("the table has a line each: verdict, what is there, what to do", () => {
  const { status, stdout } = doctor();
  assert.equal(status, 0);
  assert.match(stdout, /^rag-cells \d+\.\d+\.\d+ in .*\n( {2}(ok|note|missing) .*\n)+$/);
  assert.match(stdout, /ok +Node +2\d/);
  assert.match(stdout, /ok +kernel +tslab 1\./);
  assert.match(stdout, /ok +inference +a small model computed a vector on the CPU/);
  assert.match(stdout, /note +models +not on disk: bge-small-en-v1\.5, .*\. primeCache\(session\) fetches them/);
});

test("models that were asked for, or that an offline session needs, are missing: exit code 1", () => {
  const there = doctor(["--models", "sample-dense", "--models-from", sampleModels]);
  assert.match(there.stdout, /ok +models +on disk: sample-dense\n/);
  const offline = doctor([], { HF_HUB_OFFLINE: "1" });
  assert.equal(offline.status, 1);
  assert.match(
    offline.stdout,
    /missing +models .*attach a dataset.*\nNeeded and missing: models\n|Needed and missing: models\n/s,
  );
  assert.equal(doctor(["--models", "sample-dense", "--models-from", cwd]).status, 1);
  const unknown = doctor(["--models", "no-such-model"]);
  assert.match(unknown.stdout, /missing +models +.*no-such-model/);
  const wrong = doctor([], { EMBEDDER_RERANK_BATCH_CAP: "many" });
  assert.match(wrong.stdout, /missing +models +Setting "rerankBatchCap" = "many"/);
});

test("an old Node, little memory, inference that does not work", async () => {
  assert.equal(checkNode("22.12.0").verdict, "missing");
  assert.equal(checkNode("22.13.0").verdict, "ok");
  assert.equal(checkMemory(5e8).verdict, "note");
  const broken = await scratch("broken");
  assert.equal((await checkInference(broken)).verdict, "note");
  writeTree(broken, { "notebooks/sample/models/rag-cells-sample-dense/onnx/model.onnx": "no model" });
  const check = await checkInference(broken);
  assert.equal(check.verdict, "missing");
  assert.match(checkTable([check]), /^ {2}missing +inference +a small model could not compute: .*npm ci/);
});

test("GPUs as the driver's tool tells them; a GPU is no reason to fail", async () => {
  const csv = "Tesla T4, 15360 MiB, 550.54.15\nTesla T4, 15360 MiB, 550.54.15\n";
  assert.deepEqual(parseGpus(csv), Array(2).fill("Tesla T4 (15360 MiB, driver 550.54.15)"));
  assert.deepEqual(parseGpus("NVIDIA-SMI has failed\n"), []);
  const bin = await scratch("bin");
  writeFileSync(join(bin, "nvidia-smi"), `#!/bin/sh\nprintf '${csv.replaceAll("\n", "\\n")}'\n`);
  chmodSync(join(bin, "nvidia-smi"), 0o755);
  const check = await checkGpus({ PATH: `${bin}:/bin` });
  assert.equal(check.verdict, "note");
  assert.match(check.said, /Tesla T4 .*; Tesla T4 .*: this version computes on the CPU: pass device: "cpu"/);
});

test("the CUDA provider: absent, whole, and with libraries that are not found", async (t) => {
  assert.deepEqual(absentLibraries("\tlibc.so.6 => /lib/libc.so.6 (0x1)\n\tlibcublas.so.12 => not found\n"), [
    "libcublas.so.12",
  ]);
  const place = await scratch("provider");
  const runtime = join(place, "node_modules/onnxruntime-node");
  writeTree(place, {
    "package.json": "{}",
    "node_modules/onnxruntime-node/package.json": { main: "dist/index.js" },
    "node_modules/onnxruntime-node/dist/index.js": "",
    "node_modules/onnxruntime-node/bin/napi-v6/linux/x64/source.c":
      "int lacking(void); int here(void) { return lacking(); }",
    "node_modules/onnxruntime-node/bin/napi-v6/linux/x64/lacking.c": "int lacking(void) { return 1; }",
  });
  assert.match((await checkProvider(place, process.env)).said, /^not installed/);
  const folder = join(runtime, "bin/napi-v6/linux/x64");
  const gcc = (...args: string[]) => spawnSync("gcc", ["-shared", "-fPIC", ...args], { cwd: folder }).status;
  if (gcc("-o", "libcudnn.so.9", "lacking.c", "-Wl,-soname,libcudnn.so.9") !== 0) return t.skip("there is no gcc");
  assert.equal(gcc("-o", "libonnxruntime_providers_cuda.so", "source.c", "-L.", "-l:libcudnn.so.9"), 0);
  const check = await checkProvider(place, { PATH: process.env["PATH"] });
  assert.match(check.said, /^libcudnn\.so\.9 not found/);
  assert.match(check.remedy ?? "", /LD_LIBRARY_PATH/);
  assert.equal((await checkProvider(place, { PATH: process.env["PATH"], LD_LIBRARY_PATH: folder })).verdict, "ok");
});
