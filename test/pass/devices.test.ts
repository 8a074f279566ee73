import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { gpuFolder, holdings } from "../../dist/runtime/simulated/ledger.js";
import type { SimulatedFault } from "../../dist/schema/simulated-types.js";
import { readBudgets } from "../../dist/store/budgets.js";
import { layoutOf } from "../../dist/store/layout.js";
import { GIB } from "../runtime/lib/simulated.ts";
import { journaledRows, type SimulatedResult, simulatedPass } from "./lib/simulated-pass.ts";

const lengths = Array.from({ length: 400 }, (_, i) => 16 + ((i * 37) % 240));
const FAST = { speedup: 10 };

const kinds = ({ telemetry }: SimulatedResult) => telemetry.events.map(({ kind }) => kind);
const whole = (result: SimulatedResult) => {
  assert.equal(result.error, null, result.error?.message);
  assert.ok(result.rows.every((row) => row !== undefined));
};

test("two devices take from one queue; each tells what it did, and gives its memory back", async () => {
  const slow = { speedup: 0.2 };
  const result = await simulatedPass({ gpus: [slow, slow], lengths, settings: { tokenBudget: 2048 } });
  whole(result);
  const { devices, leases, events, memory, batches } = result.telemetry;
  assert.deepEqual(events, []);
  assert.equal(devices.length, 2);
  const rows = devices.map((report) => report.rows);
  assert.equal((rows[0] as number) + (rows[1] as number), lengths.length);
  assert.ok(
    rows.every((count) => count > lengths.length / 4),
    `${rows}`,
  );
  assert.ok(batches.every(({ device }) => /^simulated:[01]$/.test(device)));
  assert.deepEqual(
    leases.map(({ beforeBytes, afterBytes }) => [beforeBytes, afterBytes]),
    [
      [0, 0],
      [0, 0],
    ],
  );
  for (const series of memory) {
    assert.match(series.source, /nvidia-smi/);
    assert.equal(series.capBytes, 12e9);
    assert.ok(series.peakBytes > 400e6 && series.points.length > 0);
  }
});

test("out of memory: half the rows, then a fresh session, then a fresh process; every row comes", async () => {
  const fault = (batch: number, times: number): SimulatedFault => ({ batch, kind: "out_of_memory", times });
  const once = await simulatedPass({
    gpus: [{ ...FAST, faults: [fault(2, 1)] }],
    lengths,
    settings: { tokenBudget: 4096 },
  });
  whole(once);
  assert.deepEqual(kinds(once), ["halved"]);
  assert.ok(once.notes.includes("plan_changed"));
  const often = await simulatedPass({
    gpus: [{ ...FAST, faults: [fault(2, 3)] }],
    lengths,
    settings: { tokenBudget: 4096 },
  });
  whole(often);
  assert.deepEqual(kinds(often), ["halved", "new_session", "new_process"]);
});

test("a crash, an error of the device and a batch that never ends cost a fresh process each; three in a row end the pass, and what was done is kept", async () => {
  const faults: SimulatedFault[] = [
    { batch: 1, kind: "crash" },
    { batch: 4, kind: "device_error" },
    { batch: 7, kind: "hang" },
  ];
  const settings = { tokenBudget: 4096, batchTimeoutSeconds: 3 };
  const mended = await simulatedPass({ gpus: [{ ...FAST, faults }], lengths, settings });
  whole(mended);
  assert.deepEqual(kinds(mended), ["restarted", "restarted", "timeout", "restarted"]);

  const broken = await simulatedPass({
    gpus: [{ ...FAST, faults: [{ batch: 3, kind: "crash", times: 9 }] }],
    lengths,
    settings,
  });
  assert.equal(broken.error?.code, "inference_process_died");
  assert.deepEqual(kinds(broken), ["restarted", "restarted"]);
  const done = await journaledRows(broken);
  assert.ok(done.length > 0 && done.length < lengths.length);
  const again = await simulatedPass({ gpus: [FAST], lengths, settings, dir: broken.dir });
  whole(again);
  // What had come back of the third batch before its process died counts too.
  assert.equal(again.resumed, broken.telemetry.batches.length);
  assert.ok(again.resumed >= 2, `${again.resumed}`);
});

test("a model that is never loaded costs a fresh process twice; a third time it is the pass's error, and what was done is kept", async () => {
  const settings = { tokenBudget: 4096, loadTimeoutSeconds: 5 };
  const faults = (times: number): SimulatedFault[] => [
    { batch: 2, kind: "crash" },
    { batch: 1, times, kind: "load_hang" },
  ];
  const mended = await simulatedPass({ gpus: [{ ...FAST, faults: faults(1) }], lengths, settings });
  whole(mended);
  assert.deepEqual(kinds(mended), ["restarted", "timeout", "restarted"]);
  assert.match(mended.telemetry.events[1]?.words ?? "", /was not loaded on device "simulated" within 5 s/);

  const broken = await simulatedPass({ gpus: [{ ...FAST, faults: faults(9) }], lengths, settings });
  assert.equal(broken.error?.code, "model_load_timeout");
  assert.match(broken.error?.message ?? "", /loadTimeoutSeconds/);
  assert.ok((await journaledRows(broken)).length > 0);
  const [gpu] = broken.devices;
  assert.deepEqual(gpu?.provider.kind === "simulated" && holdings(gpuFolder(gpu.provider.stateDir, 0)), []);
});

test("rows that fit on no device alone: all others are done, the error names them with their lengths, and none is tried for ever", async () => {
  // Attention over 2000 tokens takes 12 * 2000^2 * 2 * 2 bytes, and much more by this factor.
  const long = [...lengths, 2000, 1990, 1980];
  const gpu = { ...FAST, memoryBytes: 2 * GIB, memoryFactor: 8 };
  const result = await simulatedPass({ gpus: [gpu], lengths: long });
  assert.equal(result.error?.code, "rows_failed");
  assert.match(
    result.error?.message ?? "",
    /3 rows .*"row-400" \(2000 tokens\).*"row-401" \(1990 tokens\).*"row-402".*failedRows: "cpu"/,
  );
  assert.equal((await journaledRows(result)).length, lengths.length);
  assert.ok(kinds(result).filter((kind) => kind === "row_failed").length === 3);
});

test("a row that does not fit on a small device goes to a larger one, whichever took it first", async () => {
  const long = [2000, 1995, 1990, 1985, ...lengths];
  const small = { ...FAST, memoryBytes: GIB };
  for (const gpus of [
    [small, FAST],
    [FAST, small],
  ]) {
    const result = await simulatedPass({ gpus, lengths: long });
    whole(result);
    assert.ok(!kinds(result).includes("row_failed"));
    const large = result.devices[gpus.indexOf(small) === 0 ? 1 : 0]?.name;
    for (const { paddedTokens, rows, device } of result.telemetry.batches)
      if (paddedTokens / rows > 1900) assert.equal(device, large);
  }
});

test("a plan that may not be changed is kept or it is an error; the same plan on one device and on two gives the same batches", async () => {
  const settings = { deterministic: true };
  const one = await simulatedPass({ gpus: [FAST], lengths, settings });
  const two = await simulatedPass({ gpus: [FAST, FAST], lengths, settings });
  whole(one);
  whole(two);
  // How many of them come back at once is a matter of time, and decides nothing.
  const cut = ({ telemetry, paddedTokens }: SimulatedResult) => ({
    paddedTokens,
    rows: telemetry.batches.flatMap(({ microBatches }) => microBatches).sort(),
  });
  assert.deepEqual(cut(one), cut(two));
  assert.ok(!one.notes.includes("batches_found"));
  const faults: SimulatedFault[] = [{ batch: 0, kind: "out_of_memory", times: 5 }];
  const refused = await simulatedPass({ gpus: [{ ...FAST, faults }], lengths, settings });
  assert.equal(refused.error?.code, "batch_too_large");
  assert.deepEqual(kinds(refused), ["new_session", "new_process"]);
});

test("memory near the cap: the process is ended, the batch is cut, and the pass goes on", async () => {
  const faults: SimulatedFault[] = [{ batch: 2, kind: "leak", bytes: 11.3e9 }];
  const result = await simulatedPass({
    gpus: [{ speedup: 0.05, faults }],
    lengths: lengths.slice(0, 60),
    settings: { tokenBudget: 4096 },
  });
  whole(result);
  assert.ok(kinds(result).includes("watchdog"), `${kinds(result)}`);
  assert.match(
    result.telemetry.events.find(({ kind }) => kind === "watchdog")?.words ?? "",
    /1[12]\.\d\d GB were in use.*cap of 12\.0 GB/,
  );
});

test("more than the cap is recorded each time that it is seen, with the time and the bytes, and an attempt that is interrupted loses none of it", async () => {
  const faults: SimulatedFault[] = [
    { batch: 2, kind: "leak", bytes: 12.4e9 },
    { batch: 5, kind: "leak", bytes: 12.4e9 },
  ];
  const options = { lengths: lengths.slice(0, 90), settings: { tokenBudget: 2048 } };
  const seen = (result: SimulatedResult) => result.telemetry.events.filter(({ kind }) => kind === "violation");
  const first = await simulatedPass({ ...options, gpus: [{ speedup: 0.05, faults }], due: (done) => done >= 45 });
  assert.equal(first.error?.code, "stopped");
  assert.deepEqual(
    kinds(first).map((kind) => (kind === "halved" || kind === "new_process" ? "tried again" : kind)),
    ["violation", "watchdog", "tried again", "violation", "watchdog", "tried again"],
  );
  for (const { words, rows, at } of seen(first)) {
    assert.match(words, /^1[23]\.\d\d GB were in use, more than the cap of 12\.0 GB$/);
    assert.ok(rows === 0 && at > 0);
  }
  const peak = ({ telemetry }: SimulatedResult) => telemetry.memory[0]?.peakBytes as number;
  assert.ok(peak(first) > 12e9, "a peak is a peak");
  const second = await simulatedPass({ ...options, gpus: [FAST], dir: first.dir });
  whole(second);
  assert.deepEqual(seen(second), seen(first));
  assert.equal(peak(second), peak(first));
});

test("what a pass found about its batches is kept for the next one, which begins with it", async () => {
  const many = Array.from({ length: 3000 }, (_, i) => 64 + (i % 60));
  const gpus = [{ speedup: 3, product: `T4 that is known ${process.pid}` }];
  const first = await simulatedPass({ gpus, lengths: many });
  whole(first);
  assert.ok(first.notes.includes("batches_found"));
  const { file } = await readBudgets(layoutOf(first.dir));
  const found = file.budgets[0]?.budget.buckets.find(({ upTo }) => upTo === 128);
  assert.ok(found, "rows of up to 128 tokens have a budget");
  const next = await simulatedPass({ gpus, lengths: many, budgetsFrom: first.dir });
  whole(next);
  // The first batch is a small one always: it is taken before the model is loaded.
  const second = next.telemetry.batches.find(({ index }) => index === 1);
  assert.ok(
    (second?.paddedTokens as number) > found.tokens / 2,
    `${second?.paddedTokens} tokens, ${found.tokens} were found`,
  );
});

test("budgets that can't be written are a note on a pass that did its work, and hide no error of one that did not", async () => {
  const dir = mkdtempSync(join(tmpdir(), "rag-cells-budgets-"));
  mkdirSync(layoutOf(dir).budgetsFile, { recursive: true });
  const done = await simulatedPass({ gpus: [FAST], lengths, budgetsFrom: dir });
  whole(done);
  assert.deepEqual(done.notes, ["simulated", "budgets_damaged", "budgets_not_kept", "batches_found"]);
  const faults: SimulatedFault[] = [{ batch: 1, kind: "crash", times: 9 }];
  const broken = await simulatedPass({ gpus: [{ ...FAST, faults }], lengths, budgetsFrom: dir });
  assert.equal(broken.error?.code, "inference_process_died");
});

test("a device on which no row fits, though figures say that it should, is an error with the device's own words", async () => {
  const faults: SimulatedFault[] = [{ batch: 0, kind: "out_of_memory", times: 10_000 }];
  const { error, telemetry } = await simulatedPass({ gpus: [{ ...FAST, faults }], lengths });
  assert.equal(error?.code, "model_too_large_for_device");
  assert.match(
    error?.message ?? "",
    /does not fit on simulated:0, though it should need.*The device says: "[^\\]*(out of memory|ALLOC_FAILED|Failed to allocate).*doctor\(session\)/,
  );
  assert.ok(
    telemetry.events.every(({ words }) => !words.startsWith("Model ")),
    "an event has the device's words alone",
  );
});

test("what happened in an interrupted attempt, and the batches that it had cut, are told by the attempt that ends the pass", async () => {
  const settings = { tokenBudget: 4096 };
  const faults: SimulatedFault[] = [{ batch: 2, kind: "out_of_memory" }];
  const cut = await simulatedPass({
    gpus: [{ ...FAST, faults }],
    lengths,
    settings,
    due: (done) => done >= 35,
  });
  assert.equal(cut.error?.code, "stopped");
  assert.deepEqual(kinds(cut), ["halved"]);
  const goneOn = await simulatedPass({ gpus: [FAST], lengths, settings, dir: cut.dir });
  whole(goneOn);
  assert.deepEqual(goneOn.telemetry.events, cut.telemetry.events);
  assert.ok((goneOn.telemetry.batches.at(-1)?.at as number) > (cut.telemetry.events[0]?.at as number));
  assert.ok(goneOn.notes.includes("plan_changed"), `${goneOn.notes}`);
  const again = await simulatedPass({ gpus: [FAST], lengths, settings, dir: cut.dir });
  assert.ok(again.notes.includes("plan_changed"), "nothing is left to compute");
  assert.deepEqual(kinds(again), ["halved"]);
  assert.equal(again.resumed, goneOn.telemetry.batches.length, "an event is no batch");
});
