import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { usableDevices } from "../../dist/runtime/devices/resolve.js";
import type { UsableDevice } from "../../dist/runtime/devices/types.js";
import { openEncoder } from "../../dist/runtime/encoder.js";
import { simulatedDevices } from "../../dist/runtime/simulated/devices.js";
import { gpuFolder, holdings, openLedger, sharedClock } from "../../dist/runtime/simulated/ledger.js";
import type { DenseBatch, SparseBatch, TokenBatch } from "../../dist/runtime/types.js";
import { goneWithin } from "./lib/processes.ts";
import { normals, seeded } from "./lib/random.ts";
import { BASE, batchOf, GIB, gpus, MIB, optionsOn } from "./lib/simulated.ts";
import { scratch, tableOnnx } from "./lib/table-model.ts";

const run = promisify(execFile);

/** What the stand-in for nvidia-smi says, in an environment that has nothing. */
async function ask(device: UsableDevice, ...args: string[]): Promise<string> {
  return (await run(device.smi?.command as string, args, { env: {} })).stdout;
}

async function usedMebibytes(device: UsableDevice): Promise<number> {
  const lines = (await ask(device, "--query-gpu=memory.used", "--format=csv,noheader,nounits")).trim().split("\n");
  return Number(lines[device.index as number]);
}

test("rows give the same bits in whatever batches they come", async () => {
  const [gpu] = await gpus({});
  const encoder = await openEncoder(optionsOn(gpu as UsableDevice));
  try {
    const all = (await encoder.encode([batchOf(6, 40, 30)])).output as DenseBatch;
    assert.equal(all.dim, 768);
    for (let row = 0; row < 6; row++) {
      const one = (await encoder.encode([batchOf(1, 32, 30, row)])).output as DenseBatch;
      assert.deepEqual(one.data, all.data.slice(row * 768, (row + 1) * 768));
      assert.ok(Math.abs(Math.hypot(...one.data) - 1) < 1e-6, "length 1");
    }
    assert.notDeepEqual(all.data.slice(0, 768), all.data.slice(768, 1536));
  } finally {
    await encoder.close();
  }
});

test("sparse rows are ascending terms of the vocabulary, and cross-encoders give one number a row", async () => {
  const [gpu] = await gpus({});
  const splade = await openEncoder(
    optionsOn(gpu as UsableDevice, { pooling: "splade", shape: { ...BASE, vocabularyOutput: true } }),
  );
  const sparse = (await splade.encode([batchOf(3, 20)])).output as SparseBatch;
  await splade.close();
  assert.equal(sparse.dim, BASE.vocabulary);
  for (let row = 0; row < 3; row++) {
    const terms = sparse.indices.slice(sparse.indptr[row], sparse.indptr[row + 1]);
    assert.deepEqual(
      [...new Set(terms)].sort((a, b) => a - b),
      [...terms],
    );
    assert.ok(terms.length >= 20);
  }
  assert.ok(sparse.values.every((value) => value > 0));

  const reranker = await openEncoder(optionsOn(gpu as UsableDevice, { pooling: "none" }));
  const logits = (await reranker.encode([batchOf(3, 20)])).output as DenseBatch;
  await reranker.close();
  assert.equal(logits.dim, 1);
  assert.equal(new Set(logits.data).size, 3);
});

test("a batch's micro-batches give the bits that they give alone; one that fails keeps those before it", async () => {
  const [gpu] = await gpus({ faults: [{ batch: 5, kind: "out_of_memory", times: 2 }] });
  const sizes = [batchOf(3, 40, 30), batchOf(1, 40, 40, 3), batchOf(5, 8, 8, 4)];
  for (const pooling of ["mean", "splade"] as const) {
    const shape = { ...BASE, vocabularyOutput: pooling === "splade" };
    const encoder = await openEncoder(optionsOn(gpu as UsableDevice, { pooling, shape }));
    try {
      if (pooling === "mean") {
        const { output, report, failure } = await encoder.encode(sizes);
        assert.equal(failure, null);
        assert.ok(report.seconds >= report.runSeconds && report.runSeconds > 0);
        const row = (at: number) => (output as DenseBatch).data.slice(at * 768, (at + 1) * 768);
        const last = (await encoder.encode(sizes.slice(2))).output as DenseBatch;
        assert.deepEqual(row(4), last.data.slice(0, 768));
        // The sixth micro-batch on this device fails.
        const cut = await encoder.encode([sizes[1] as TokenBatch, sizes[0] as TokenBatch, sizes[2] as TokenBatch]);
        assert.equal(cut.failure?.code, "out_of_memory");
        assert.match(cut.failure?.message ?? "", /3 rows of 40 tokens/);
        assert.deepEqual((cut.output as DenseBatch).data, row(3));
        await assert.rejects(encoder.encode(sizes), { code: "out_of_memory" }, "nothing was computed");
      } else {
        const all = (await encoder.encode(sizes)).output as SparseBatch;
        const alone = [];
        for (const size of sizes) alone.push((await encoder.encode([size])).output as SparseBatch);
        assert.deepEqual(
          [...all.indices],
          alone.flatMap(({ indices }) => [...indices]),
        );
        assert.deepEqual(
          [...all.values],
          alone.flatMap(({ values }) => [...values]),
        );
        const counts = (indptr: Uint32Array) => [...indptr.slice(1)].map((to, i) => to - (indptr[i] as number));
        assert.deepEqual(
          counts(all.indptr),
          alone.flatMap(({ indptr }) => counts(indptr)),
        );
      }
      await assert.rejects(encoder.encode([]), { code: "bad_batch", message: /no rows/ });
    } finally {
      await encoder.close();
    }
  }
});

test("a batch may be sent ahead, and another one be computed in its place", async () => {
  const [gpu] = await gpus({});
  const encoder = await openEncoder(optionsOn(gpu as UsableDevice));
  try {
    const [first, second, third] = [0, 1, 2].map((row) => [batchOf(1, 20, 20, row)]) as [
      TokenBatch[],
      TokenBatch[],
      TokenBatch[],
    ];
    const alone = [];
    for (const batch of [first, second, third]) alone.push((await encoder.encode([...batch])).output);
    const running = encoder.encode(first);
    encoder.sendAhead(second);
    assert.deepEqual((await running).output, alone[0], "what is sent ahead is not what is computed");
    assert.deepEqual((await encoder.encode(second)).output, alone[1]);
    encoder.sendAhead(first);
    assert.deepEqual((await encoder.encode(third)).output, alone[2]);
    encoder.sendAhead(second);
    await encoder.renew();
    assert.deepEqual((await encoder.encode(second)).output, alone[1], "a new session keeps it");
  } finally {
    await encoder.close();
  }
});

test("a real model computes on it when it is to: the numbers are the processor's", async () => {
  const [gpu] = await gpus({ compute: "model" });
  const onnxFile = join(scratch(), "model.onnx");
  writeFileSync(onnxFile, tableOnnx({ opset: 17, table: normals(seeded(1), 160, 1), dim: 8 }));
  const on = (device: Pick<UsableDevice, "provider" | "env">) =>
    openEncoder({ ...optionsOn(gpu as UsableDevice), onnxFile, ...device });
  const ids = Int32Array.from([1, 2, 3, 2]);
  const batch = { rows: 2, length: 2, ids, mask: new Uint8Array(4).fill(1), types: new Uint8Array(4) };
  const results = [];
  for (const device of [gpu as UsableDevice, { provider: { kind: "cpu" as const }, env: {} }]) {
    const encoder = await on(device);
    results.push((await encoder.encode([batch])).output);
    await encoder.close();
  }
  assert.deepEqual(results[0], results[1]);
});

test("memory is what context, weights and batches take, is seen by nvidia-smi, and free when the process is killed", async () => {
  const [gpu] = (await gpus({})) as [UsableDevice];
  assert.equal(await usedMebibytes(gpu), 0);
  const encoder = await openEncoder(optionsOn(gpu));
  assert.equal(await usedMebibytes(gpu), 400 + 220);
  await encoder.encode([batchOf(64, 256)]);
  const grown = await usedMebibytes(gpu);
  assert.ok(grown > 620 + 200, `${grown} MiB`);
  await encoder.encode([batchOf(8, 256)]);
  assert.equal(await usedMebibytes(gpu), grown, "an arena never shrinks");
  const apps = await ask(
    gpu,
    "--query-compute-apps=gpu_uuid,pid,used_memory,process_name",
    "--format=csv,noheader,nounits",
  );
  assert.equal(apps, `${gpu.uuid}, ${encoder.pid}, ${grown}, rag-cells\n`);
  await encoder.renew();
  assert.equal(await usedMebibytes(gpu), 620, "a new session has a new arena");
  process.kill(encoder.pid, "SIGKILL");
  await encoder.close();
  assert.equal(await usedMebibytes(gpu), 0);
});

test("two processes share a GPU: what one holds the other can't have", async () => {
  const [gpu] = (await gpus({ memoryBytes: 3 * GIB })) as [UsableDevice];
  const one = await openEncoder(optionsOn(gpu, { shape: { ...BASE, weightBytes: 2 * GIB } }));
  await assert.rejects(openEncoder(optionsOn(gpu, { shape: { ...BASE, weightBytes: 2 * GIB } })), {
    code: "out_of_memory",
  });
  await one.close();
  const two = await openEncoder(optionsOn(gpu, { shape: { ...BASE, weightBytes: 2 * GIB } }));
  await two.close();
});

test("a batch that does not fit says so in onnxruntime's words, and a smaller one still computes", async () => {
  const [gpu] = (await gpus({ memoryBytes: 2 * GIB })) as [UsableDevice];
  const encoder = await openEncoder(optionsOn(gpu));
  try {
    await assert.rejects(encoder.encode([batchOf(512, 512)]), (error: Error & { code: string }) => {
      assert.equal(error.code, "out_of_memory");
      assert.match(error.message, /Failed to allocate memory for requested buffer of size \d+/);
      return true;
    });
    await encoder.encode([batchOf(4, 128)]);
    assert.ok((await usedMebibytes(gpu)) <= 2048);
  } finally {
    await encoder.close();
  }
});

test("processes that grow at the same time never have more than there is", async () => {
  const [gpu] = (await gpus({ memoryBytes: 4 * GIB, contextBytes: 100 * MIB, speedup: 1000 })) as [UsableDevice];
  if (gpu.provider.kind !== "simulated") assert.fail();
  const folder = gpuFolder(gpu.provider.stateDir, gpu.provider.index);
  const inUse = () => holdings(folder).reduce((sum, { bytes }) => sum + bytes, 0);
  const encoders = await Promise.all([0, 1, 2].map(() => openEncoder(optionsOn(gpu))));
  let most = 0;
  const look = setInterval(() => {
    most = Math.max(most, inUse());
  }, 1);
  try {
    const outcomes = await Promise.all(
      encoders.map(async (encoder, i) => {
        const next = seeded(i);
        const seen: string[] = [];
        for (let batch = 0; batch < 12; batch++) {
          const outcome = encoder.encode([batchOf(1 + Math.floor(next() * 200), 256)]).then(
            () => "done",
            (error: Error & { code: string }) => error.code,
          );
          seen.push(await outcome);
        }
        return seen;
      }),
    );
    assert.deepEqual([...new Set(outcomes.flat())].sort(), ["done", "out_of_memory"], "some fit and some did not");
  } finally {
    clearInterval(look);
    await Promise.all(encoders.map((encoder) => encoder.close()));
  }
  assert.ok(most > 2 * GIB && most <= 4 * GIB, `${most} bytes`);
  assert.equal(inUse(), 0);
});

test("a factor makes batches take more than the formula says", async () => {
  const needs = async (memoryFactor: number) => {
    const [gpu] = (await gpus({ memoryFactor })) as [UsableDevice];
    const encoder = await openEncoder(optionsOn(gpu));
    await encoder.encode([batchOf(64, 256)]);
    const used = await usedMebibytes(gpu);
    await encoder.close();
    return used;
  };
  assert.ok((await needs(4)) > 1.5 * (await needs(1)));
});

test("faults come at their batch, counted over all processes that the GPU ever had", async () => {
  const [gpu] = (await gpus({
    faults: [
      { batch: 1, kind: "out_of_memory", times: 3 },
      { batch: 4, kind: "crash" },
      { batch: 5, kind: "crash" },
      { batch: 6, kind: "hang" },
      { batch: 7, kind: "device_error" },
      { batch: 8, kind: "leak", bytes: 100 * MIB },
    ],
  })) as [UsableDevice];
  const open = () => openEncoder(optionsOn(gpu));
  const batch = batchOf(2, 16);
  let encoder = await open();
  await encoder.encode([batch]);
  const words = [];
  for (let i = 0; i < 3; i++) {
    const error = await encoder.encode([batch]).then(
      () => assert.fail("no fault"),
      (error: Error & { code: string }) => error,
    );
    assert.equal(error.code, "out_of_memory");
    words.push(/Failed to allocate|CUBLAS_STATUS_ALLOC_FAILED|CUDA failure 2/.exec(error.message)?.[0]);
  }
  assert.equal(new Set(words).size, 3);
  for (const signal of ["SIGSEGV", "SIGABRT"]) {
    await assert.rejects(encoder.encode([batch]), (error: Error & { code: string }) => {
      assert.equal(error.code, "inference_process_died");
      assert.match(error.message, new RegExp(signal));
      return true;
    });
    await encoder.close();
    encoder = await open();
  }
  await assert.rejects(encoder.encode([batch], 0.3), { code: "inference_timeout" });
  await encoder.close();
  encoder = await open();
  await assert.rejects(encoder.encode([batch]), (error: Error & { code: string }) => {
    assert.equal(error.code, "inference_failed");
    assert.match(error.message, /CUDA error 700: an illegal memory access/);
    return true;
  });
  await assert.rejects(
    encoder.encode([batch]),
    /illegal memory access/,
    "the context is lost, and no batch is counted",
  );
  await assert.rejects(encoder.renew(), /illegal memory access/);
  await encoder.close();
  encoder = await open();
  const before = await usedMebibytes(gpu);
  await encoder.encode([batch]);
  await encoder.renew();
  assert.equal(await usedMebibytes(gpu), before + 100, "what leaks stays until the process ends");
  await encoder.close();
  assert.equal(await usedMebibytes(gpu), 0);
});

test("time goes by the model's arithmetic, and not in the processor", async () => {
  const [gpu] = (await gpus({ flops: 1e12, speedup: 10, halfTokens: 0 })) as [UsableDevice];
  const encoder = await openEncoder(optionsOn(gpu));
  try {
    const { report } = await encoder.encode([batchOf(32, 128)]);
    // 4096 tokens of 12 layers with 2 * 7.1 million multiplications each, and attention.
    const seconds = (4096 * 12 * (2 * 7_077_888 + 4 * 128 * 768)) / 1e12 / 10;
    assert.ok(
      report.runSeconds >= seconds && report.runSeconds < seconds + 0.5,
      `${report.runSeconds} s, not ${seconds}`,
    );
  } finally {
    await encoder.close();
  }
});

test("a batch counts as use with the time that it took, also where that is more or less than the simulated one", async () => {
  const stateDir = scratch();
  mkdirSync(gpuFolder(stateDir, 0));
  const ledger = openLedger(stateDir, 0, 1e9);
  const used = () => holdings(gpuFolder(stateDir, 0))[0]?.busyMs ?? Number.NaN;
  ledger.busy(true);
  await sleep(30);
  const before = used();
  ledger.busy(true, sharedClock() - 10);
  const after = used();
  assert.ok(before >= 25 && after >= before, `${before}, then ${after}`);
  await sleep(20);
  assert.equal(used(), after, "it is over");
  ledger.busy(true, sharedClock() + 20);
  await sleep(60);
  assert.ok(Math.abs(used() - after - 20) < 1, `${used() - after} ms, and not for longer`);
});

test("the use of a GPU is seen while it computes, and none when it does not", async () => {
  const [busy, idle] = (await gpus({ flops: 1e11, speedup: 1 }, {})) as [UsableDevice, UsableDevice];
  const encoder = await openEncoder(optionsOn(busy));
  const computing = encoder.encode([batchOf(8, 64)]);
  await sleep(300);
  const lines = (await ask(busy, "--query-gpu=index,utilization.gpu", "--format=csv,noheader")).trim().split("\n");
  assert.equal(lines[0], "0, 100 %");
  assert.equal(lines[1], `${idle.index}, 0 %`);
  await computing;
  await encoder.close();
});

test("the stand-in answers as nvidia-smi does: headers, units, and what is no field", async () => {
  const [gpu] = (await gpus({})) as [UsableDevice];
  assert.equal(
    await ask(gpu, "--query-gpu=index,memory.total,memory.used", "--format=csv"),
    "index, memory.total [MiB], memory.used [MiB]\n0, 15360 MiB, 0 MiB\n",
  );
  assert.equal(await ask(gpu, "--query-compute-apps=pid", "--format=csv,noheader"), "");
  await assert.rejects(
    ask(gpu, "--query-gpu=colour", "--format=csv"),
    (error: Error & { stdout: string; code: number }) => {
      assert.equal(error.code, 2);
      assert.match(error.stdout, /^Field "colour" is not a valid field to query\.\n$/);
      return true;
    },
  );
});

test("simulations have names, and what is none says why", async () => {
  const pair = await simulatedDevices({ simulation: "t4x2" });
  assert.deepEqual(
    pair.map(({ name, memoryBytes, computeCapability }) => ({ name, memoryBytes, computeCapability })),
    [0, 1].map((i) => ({ name: `simulated:${i}`, memoryBytes: 15_360 * MIB, computeCapability: "7.5" })),
  );
  assert.equal((await simulatedDevices({ simulation: "t4x2" }))[0]?.uuid, pair[0]?.uuid, "one session's are another's");
  assert.notEqual((await simulatedDevices({ simulation: "t4" }))[0]?.uuid, pair[0]?.uuid);
  const file = join(scratch(), "s.json");
  for (const [text, problem] of [
    [null, /ENOENT/],
    ["{", /no JSON/],
    ['{"gpus":[]}', /gpus/],
    ['{"gpus":[{"product":"a,\\nb"}]}', /gpus\.0\.product/],
  ] as const) {
    if (text !== null) writeFileSync(file, text);
    await assert.rejects(simulatedDevices({ simulation: file }), (error: Error & { code: string }) => {
      assert.equal(error.code, "bad_simulation");
      assert.match(error.message, problem);
      return true;
    });
  }
});

test("the example on the page about devices is a simulation", async () => {
  const page = readFileSync(new URL("../../docs/devices.md", import.meta.url), "utf8");
  const file = join(scratch(), "example.json");
  writeFileSync(file, /```json\n(\{\s+"gpus".*?)```/s.exec(page)?.[1] as string);
  assert.equal((await simulatedDevices({ simulation: file })).length, 1);
});

test("a model that is never loaded: loads are counted over all processes too, and Stop ends the waiting", async () => {
  const [gpu] = (await gpus({ faults: [{ batch: 1, kind: "load_hang", times: 2 }] })) as [UsableDevice];
  const first = await openEncoder(optionsOn(gpu));
  const stop = new AbortController();
  const hang = [0, 1].map(() => openEncoder(optionsOn(gpu), stop.signal));
  assert.equal(gpu.provider.kind, "simulated");
  const counted = join(gpuFolder(gpu.provider.kind === "simulated" ? gpu.provider.stateDir : "", 0), "loads");
  while (statSync(counted).size < 3 * 32) await sleep(10);
  stop.abort();
  await Promise.all(hang.map((one) => assert.rejects(one, { code: "stopped" })));
  const last = await openEncoder(optionsOn(gpu));
  await last.encode([batchOf(1, 8)]);
  await Promise.all([first.close(), last.close()]);
});

test("a kernel that is killed while its GPU hangs leaves no process, and its folder goes when the next one comes", async (t) => {
  const parent = spawn(process.execPath, [fileURLToPath(new URL("./lib/hanging.ts", import.meta.url))], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(parent.stdout, "data")) as [Buffer];
  const [pid, folder] = String(line).trim().split(" ") as [string, string];
  await sleep(200);
  parent.kill("SIGKILL");
  await once(parent, "exit");
  t.diagnostic(`gone after ${(await goneWithin(Number(pid), 5000)).toFixed(0)} ms`);
  assert.ok(existsSync(folder), "nobody was there to remove it");
  await gpus({});
  assert.ok(!existsSync(folder));
});

test("a kernel that exits takes its folder with it", async () => {
  const code = `
    const { simulatedDevices } = await import(${JSON.stringify(new URL("../../dist/runtime/simulated/devices.js", import.meta.url).href)});
    console.log((await simulatedDevices({ simulation: "t4" }))[0].provider.stateDir);`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", code]);
  assert.match(stdout, /rag-cells-simulated-/);
  assert.ok(!existsSync(stdout.trim()));
});

test("gpus numbers simulated GPUs too; a number that none has is an error", async () => {
  const named = async (gpus: number[] | null) =>
    (await usableDevices({ device: "simulated", gpus, memoryCapBytes: 12e9, simulation: "t4x2" }, {})).map(
      ({ name }) => name,
    );
  assert.deepEqual(await named(null), ["simulated:0", "simulated:1"]);
  assert.deepEqual(await named([1]), ["simulated:1"]);
  await assert.rejects(named([1, 5]), {
    code: "device_not_usable",
    message: /gpus names 5, and the simulation has 0, 1/,
  });
});
