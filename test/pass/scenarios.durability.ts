import assert from "node:assert/strict";
import { test } from "node:test";
import { gpuFolder, mostHeld } from "../../dist/runtime/simulated/ledger.js";
import type { ModelShape } from "../../dist/schema/device-types.js";
import type { Settings } from "../../dist/schema/settings-types.js";
import type { SimulatedFault, SimulatedGpu } from "../../dist/schema/simulated-types.js";
import { random } from "../lib/random.ts";
import { GIB, MIB } from "../runtime/lib/simulated.ts";
import { journaledRows, simulatedPass } from "./lib/simulated-pass.ts";

const SCENARIOS = 200;
/** Scenarios at once: most of their time is waiting. */
const AT_ONCE = 6;
/** No scenario's work is more than some seconds; what takes so long hangs. */
const MOST_SECONDS = 90;

const shapes: readonly Partial<ModelShape>[] = [
  { layers: 6, hidden: 384, heads: 12, intermediate: 1536, weightBytes: 45 * MIB },
  {},
  { layers: 24, hidden: 1024, heads: 16, intermediate: 4096, weightBytes: 670 * MIB },
  { vocabularyOutput: true, layers: 6, hidden: 384, heads: 12, intermediate: 1536, weightBytes: 45 * MIB },
];
const kinds: readonly SimulatedFault["kind"][] = [
  "out_of_memory",
  "out_of_memory",
  "crash",
  "hang",
  "device_error",
  "leak",
];

interface Scenario {
  readonly gpus: readonly Partial<SimulatedGpu>[];
  readonly lengths: readonly number[];
  readonly shape: Partial<ModelShape>;
  readonly settings: Partial<Settings>;
}

/** Devices, rows, limits and faults, drawn from a seed. */
function scenarioOf(seed: number): Scenario {
  const next = random(seed);
  const whole = (from: number, to: number) => from + Math.floor(next() * (to - from + 1));
  const pick = <T>(values: readonly T[]) => values[Math.floor(next() * values.length)] as T;
  const longest = pick([64, 256, 512, 2048]);
  const rows = whole(1, Math.min(1500, 120_000 / longest));
  const faults = (): SimulatedFault[] =>
    Array.from({ length: whole(0, 3) }, () => {
      const kind = pick(kinds);
      return {
        batch: whole(0, 12),
        kind,
        times: whole(1, 2),
        ...(kind === "leak" && { bytes: whole(1, 30) * 100 * MIB }),
      };
    });
  const tight = next() < 0.5;
  return {
    gpus: Array.from({ length: whole(1, 3) }, () => ({
      memoryBytes: tight ? whole(2, 6) * GIB : 15 * GIB,
      memoryFactor: pick([0.5, 1, 1, 2, 2.5]),
      speedup: pick([1, 2]),
      faults: next() < 0.7 ? faults() : [],
    })),
    lengths: Array.from({ length: rows }, () => whole(4, longest)),
    shape: pick(shapes),
    settings: {
      memoryCapBytes: pick([12e9, 12e9, 4e9]),
      batchTimeoutSeconds: 4,
      ...(next() < 0.15 && { deterministic: true }),
      ...(next() < 0.15 && { tokenBudget: pick([1024, 4096, 16_384]) }),
    },
  };
}

test(`${SCENARIOS} scenarios of sizes, limits and faults: none hangs, no row is lost or computed twice, none goes over the cap`, async (t) => {
  const codes: Record<string, number> = {};
  const events: Record<string, number> = {};
  let over = 0;
  let seed = 0;
  const runOne = async (mine: number) => {
    const scenario = scenarioOf(mine);
    const what = `seed ${mine}`;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${what} hangs`)), MOST_SECONDS * 1000);
    });
    const result = await Promise.race([simulatedPass(scenario), late]);
    clearTimeout(timer);
    const { error, telemetry, settings } = result;
    const code = error?.code ?? "all rows";
    codes[code] = (codes[code] ?? 0) + 1;
    for (const { kind } of telemetry.events) events[kind] = (events[kind] ?? 0) + 1;

    const journaled = await journaledRows(result);
    assert.equal(new Set(journaled).size, journaled.length, `${what}: a row stands in two frames`);
    if (!error) {
      assert.equal(journaled.length, scenario.lengths.length, what);
      assert.ok(
        result.rows.every((row) => row?.every(Number.isFinite)),
        what,
      );
    } else if (code === "rows_failed") {
      const failed = telemetry.events.filter(({ kind }) => kind === "row_failed").length;
      assert.equal(journaled.length + failed, scenario.lengths.length, `${what}: all other rows are done`);
    } else {
      // Devices that go on failing, and plans that may not be changed, end a pass with what was done kept.
      assert.ok(
        [
          "inference_failed",
          "inference_process_died",
          "inference_timeout",
          "batch_too_large",
          "out_of_memory",
        ].includes(code),
        `${what}: ${error.message}`,
      );
      const faulty = scenario.gpus.some(({ faults }) => (faults?.length ?? 0) > 0);
      assert.ok(
        faulty || settings.deterministic || settings.tokenBudget !== null || code === "out_of_memory",
        `${what}: ${error.message}`,
      );
    }
    // Leaks, and batches of a size that was asked for, are for the watchdog; what the budget chose has to fit.
    const chosen =
      settings.tokenBudget === null && !scenario.gpus.some(({ faults }) => faults?.some(({ kind }) => kind === "leak"));
    for (const { provider } of result.devices) {
      if (provider.kind !== "simulated" || !chosen) continue;
      const most = mostHeld(gpuFolder(provider.stateDir, provider.index));
      if (most > settings.memoryCapBytes) {
        over++;
        assert.fail(`${what}: ${(most / 1e9).toFixed(2)} GB of ${settings.memoryCapBytes / 1e9}`);
      }
    }
  };
  const worker = async () => {
    while (seed < SCENARIOS) await runOne(++seed);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  assert.equal(over, 0);
  t.diagnostic(`ends: ${JSON.stringify(codes)}; events: ${JSON.stringify(events)}`);
  assert.ok((codes["all rows"] ?? 0) > SCENARIOS / 2, JSON.stringify(codes));
  for (const kind of ["halved", "new_session", "new_process", "restarted", "timeout"])
    assert.ok((events[kind] ?? 0) > 0, `no scenario came to ${kind}`);
});
