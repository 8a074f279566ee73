import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { bandsOf } from "../../dist/charts/bands.js";
import { cardOf } from "../../dist/charts/card.js";
import { textOf } from "../../dist/charts/card-text.js";
import { newTimeline, trackDevices } from "../../dist/charts/live-devices.js";
import { memoryChart } from "../../dist/charts/spec-time.js";
import { PAYLOADS } from "./hostile.ts";
import * as sample from "./sample-runs.ts";

const run = sample.gpuDenseRun();

test("a stage on GPUs has a table of its devices and one of its turns, a stage on the CPU has neither", () => {
  const tables = cardOf(run).tables;
  assert.deepEqual(
    tables.map(({ title }) => title),
    ["Models", "Devices", "Turns on devices"],
  );
  const rows = tables[1]?.groups[0]?.rows ?? [];
  assert.equal(rows.length, 4);
  const [device, model, batches, , padding, computing, use, peak, placement] = rows[3] as (string | number)[];
  assert.equal(device, "cuda:1 (Tesla T4)");
  assert.equal(model, "bge-m3");
  assert.equal(batches, run.telemetry.devices[3]?.batches);
  assert.match(String(padding), /^\d(\.\d)? %$/);
  assert.equal(computing, "98 %");
  assert.equal(use, "94.8 %");
  assert.match(String(peak), /^[\d.]+ GB of 12 GB$/);
  assert.equal(placement, "CUDA 512, CPU 18");
  assert.deepEqual(
    cardOf(sample.denseRun()).tables.map(({ title }) => title),
    ["Models"],
  );
});

test("a run that went on says that its table of devices is of the last attempt alone", () => {
  const { telemetry } = run;
  const earlier = telemetry.batches.slice(0, 3);
  const resumed = { ...run, telemetry: { ...telemetry, batches: [...earlier, ...telemetry.batches] } };
  const mine = telemetry.devices.reduce((sum, { batches }) => sum + batches, 0);
  assert.equal(mine, telemetry.batches.length, "the sample counts every batch once");
  assert.equal(mine, 6099);
  assert.equal(cardOf(resumed).tables[1]?.title, "Devices, the last attempt's 6,099 of 6,102 batches");
});

test("what happened on the devices is told by kind, the worst first, and counted", () => {
  const notes = cardOf(run).notes.map(({ text }) => text);
  assert.equal(notes.length, 2);
  assert.match(notes[0] ?? "", /^cuda:1 · bge-m3: the process was ended before the memory cap after 47\.5 s/);
  assert.match(
    notes[1] ?? "",
    /was cut in two, 2 times; first after 41\.2 s with 48 rows of 512 tokens \(Failed to allocate/,
  );
  const kinds = [
    "halved",
    "new_session",
    "new_process",
    "row_failed",
    "restarted",
    "watchdog",
    "violation",
    "timeout",
  ] as const;
  const events = kinds.map((kind) => ({ ...(run.telemetry.events[0] as (typeof run.telemetry.events)[number]), kind }));
  const all = cardOf({ ...run, telemetry: { ...run.telemetry, events } }).notes;
  assert.match(all[0]?.text ?? "", /more memory than the cap was seen/);
  assert.equal(all.at(-1)?.text, "and 3 more kinds of events in run.telemetry.events");
});

test("what a device or its runtime says can't forge the card", () => {
  for (const payload of PAYLOADS) {
    const [report] = run.telemetry.devices;
    const [lease] = run.telemetry.leases;
    const [event] = run.telemetry.events;
    if (!report || !lease || !event) throw new Error("the sample has all three");
    const telemetry = {
      ...run.telemetry,
      devices: [
        {
          ...report,
          model: payload,
          device: { ...report.device, name: payload, product: payload },
          placement: { [payload]: 1 },
        },
      ],
      leases: [{ ...lease, device: payload, owner: payload }],
      events: [{ ...event, device: payload, model: payload, words: payload }],
    };
    const text = textOf(cardOf({ ...run, telemetry }));
    assert.ok(text.split("\n").length <= 14, payload);
    assert.ok(!text.includes("\u001b"), payload);
  }
});

test("bands stand for models that ran in turn under a cap", () => {
  const bands = bandsOf(run.telemetry);
  assert.deepEqual(
    bands.map(({ name }) => name),
    ["bge-small-en-v1.5", "bge-m3"],
  );
  assert.ok((bands[0]?.to ?? 0) <= (bands[1]?.from ?? 0));
  assert.deepEqual(bandsOf(sample.denseRun().telemetry), [], "the CPU has no cap");
  assert.deepEqual(bandsOf(sample.largeDenseRun().telemetry), [], "side by side");
  const chart = memoryChart(run.telemetry.memory, bands);
  assert.equal(chart?.spec.layer[0]?.mark.type, "rect");
  assert.match(chart?.alt ?? "", /cuda:0 peaked at [\d.]+ GB of 12 GB/);
  const many = Array.from({ length: 100 }, (_, i) => ({ name: `model ${i}`, from: i, to: i + 1 }));
  assert.ok((memoryChart(run.telemetry.memory, many)?.spec.layer[0]?.data?.values.length ?? 0) <= 12);
});

const options = { capBytes: 12e9, source: "nvidia-smi memory.used", interval: "every 250 ms" };
const reading = (device: string, usedBytes: number) => ({ device, usedBytes, utilisation: 0.97 });

test("a live chart is drawn at most once a second, in place, and leaves one line with the peaks", async () => {
  const shown: { html: string; plain: string; at: number }[] = [];
  const live = trackDevices(options, { html: (html, plain) => shown.push({ html, plain, at: performance.now() }) });
  const until = performance.now() + 2600;
  for (let i = 0; performance.now() < until; i++) {
    live.update([reading("cuda:0", 1e9 + i * 1e6), reading("cuda:1", 2e9)], i < 100 ? "dense · a" : "dense · b");
    await sleep(10);
  }
  const drawn = shown.length;
  // A busy machine draws fewer, and none sooner.
  assert.ok(drawn >= 1 && drawn <= 3, `${drawn} pictures`);
  for (const { html, plain } of shown) {
    assert.match(html, /<img [^>]*width="300" height="172"/);
    assert.match(plain, /^cuda:0 [\d.]+ GB of 12 GB, 97 % in use · cuda:1 2 GB of 12 GB, 97 % in use$/);
  }
  live.finish();
  live.finish();
  live.update([reading("cuda:0", 9e9)], "late");
  await sleep(50);
  assert.equal(shown.length, drawn + 1);
  assert.match(
    shown.at(-1)?.plain ?? "",
    /^cuda:0 peaked at [\d.]+ GB of 12 GB · cuda:1 peaked at 2 GB of 12 GB in \d\.\d+ s$/,
  );
  assert.doesNotMatch(shown.at(-1)?.html ?? "", /<img/);
});

test("a live chart of many hours stays small and loses no peak", async () => {
  let clock = 0;
  const shown: string[] = [];
  const live = trackDevices(options, { html: (html) => shown.push(html) }, newTimeline(), () => clock);
  for (let i = 0; i < 100_000; i++) {
    clock += 250;
    live.update([reading("cuda:0", i === 31_234 ? 11e9 : 3e9)], `stage ${i % 40}`);
    if (i % 5000 === 0) await sleep(40);
  }
  await sleep(200);
  const [largest] = shown.map((html) => html.length).sort((a, b) => b - a);
  assert.ok(shown.length > 5 && (largest ?? 0) < 120_000, `${shown.length} pictures of up to ${largest} characters`);
  live.finish();
  assert.match(shown.at(-1) ?? "", /cuda:0 peaked at 11 GB of 12 GB/);
});

test("without a display nothing is drawn", () => {
  const live = trackDevices(options, null);
  live.update([reading("cuda:0", 1e9)], "dense");
  live.finish();
});
