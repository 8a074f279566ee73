import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { cardOf } from "../../dist/charts/card.js";
import { checkTable } from "../../dist/doctor/check.js";
import { checkInference } from "../../dist/doctor/inference.js";
import { checkMemory, checkNode } from "../../dist/doctor/machine.js";
import * as rag from "../../dist/index.js";
import { writeTree } from "../kit/fake.ts";
import { fakeSmi, UUIDS } from "../lib/gpus.ts";
import { root, sampleModels, sampleOptions, scratch } from "../lib/sample.ts";

const cwd = await scratch("doctor");

function doctor(args: readonly string[] = [], env: Record<string, string> = {}, from = cwd) {
  const temporary = join(cwd, "tmp");
  mkdirSync(temporary, { recursive: true });
  const done = spawnSync(process.execPath, [join(root, "dist/cli/main.js"), "doctor", ...args], {
    cwd: from,
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

test("a device that loads nothing is a line of the table in the end", async () => {
  const limits = { loadTimeoutSeconds: 0.001, batchTimeoutSeconds: 60 };
  const check = await checkInference(join(import.meta.dirname, "../.."), undefined, limits);
  assert.equal(check.verdict, "missing");
  assert.match(check.said, /was not loaded on device "cpu" within 0\.001 s/);
});

test("device cuda: a line for each thing that is there or is not, and what to do", async () => {
  const bin = await fakeSmi({ processes: `${UUIDS[1]}, 4711, 1200, /usr/bin/python3 \u001b[31m` });
  const folder = await scratch("settings");
  writeTree(folder, { "config/embedder.json": { device: "cuda", dtype: "int8" } });
  const { status, stdout } = doctor([], { PATH: `${bin}:${process.env["PATH"]}` }, folder);
  assert.equal(status, 1);
  assert.match(stdout, /missing +device +device: "cuda": the GPUs can't be used/);
  assert.match(
    stdout,
    /ok +GPU 0 +Tesla T4, 16\.1 GB, 0\.0 GB in use, compute capability 7\.5, driver 560\.35\.03, 0 % busy\n/,
  );
  assert.match(stdout, /note +GPU 1, processes +\/usr\/bin\/python3 \[31m \(4711, 1\.3 GB\)\. They share/);
  assert.match(stdout, /missing +CUDA provider .*not installed\. .*ONNXRUNTIME_NODE_INSTALL=cuda12/);
  assert.match(stdout, /missing +weights +"bge-small-en-v1\.5": weights in "int8" are not for device "cuda"/);
  assert.match(stdout, /Needed and missing: .*device, CUDA provider, weights\n$/);
});

test("doctor(session) has the same checks, with a card", async () => {
  const session = await rag.openSession(sampleOptions(await scratch("report")));
  const report = await rag.doctor(session);
  session.close();
  assert.equal(report.ok, true);
  const of = (name: string) => report.checks.find((check) => check.name === name);
  assert.match(of("models")?.said ?? "", /^on disk: sample-dense, sample-splade, sample-rerank$/);
  assert.match(of("weights")?.said ?? "", /sample-dense fp32, sample-splade fp32/);
  assert.equal(of("device")?.verdict, "ok");
  const [table] = cardOf(report).tables;
  assert.equal(table?.groups[0]?.rows.length, report.checks.length);
  await assert.rejects(rag.doctor(session), { code: "session_closed" });
});
