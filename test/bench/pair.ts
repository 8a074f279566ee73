/**
 * A dense pass on two simulated T4s against one, and against batches of 32 rows in the
 * order of the corpus on one GPU, which is what the system before this one did. Rows are
 * drawn from a seed; vectors from a hash, so that the simulated time is all there is.
 *
 *     npm run bench:pair
 *     npm run bench:pair -- --seconds 60      # longer passes
 *     npm run bench:pair -- --shapes 6x384,12x768
 */
import { parseArgs } from "node:util";
import { secondsOf } from "../../dist/core/batch-cost.js";
import type { ModelShape } from "../../dist/schema/device-types.js";
import type { SimulatedGpu } from "../../dist/schema/simulated-types.js";
import { random } from "../lib/random.ts";
import { simulatedPass } from "../pass/lib/simulated-pass.ts";
import { BASE, MIB } from "../runtime/lib/simulated.ts";

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "40" }, shapes: { type: "string" } },
});
const wanted = Number(values.seconds);
const NAIVE_ROWS = 32;

const T4: Partial<SimulatedGpu> = { flops: 22e12, halfTokens: 1000, launchSeconds: 0.004, speedup: 1 };
const all: readonly (readonly [string, ModelShape])[] = [
  ["6 x 384", { ...BASE, layers: 6, hidden: 384, intermediate: 1536, weightBytes: 45 * MIB }],
  ["12 x 384", { ...BASE, hidden: 384, intermediate: 1536, weightBytes: 67 * MIB }],
  ["12 x 768", BASE],
  ["24 x 1024", { ...BASE, layers: 24, hidden: 1024, heads: 16, intermediate: 4096, weightBytes: 670 * MIB }],
];

const named = values.shapes?.split(",");
const shapes = all.filter(([name]) => named === undefined || named.includes(name.replaceAll(" ", "")));

/** Lengths as those of text chunks are spread: most near the middle, some short, few at the limit. */
function lengthsOf(count: number, seed: number): number[] {
  const next = random(seed);
  return Array.from({ length: count }, () => {
    const bell = (next() + next() + next()) / 3;
    return Math.max(8, Math.min(512, Math.round(40 + 440 * bell ** 1.4)));
  });
}

/** Seconds of the naive pass, by the simulation's own rule: every batch padded to its longest row, nothing between batches. */
function naive(shape: ModelShape, lengths: readonly number[]): { seconds: number; padding: number } {
  const speed = { flops: 22e12, halfTokens: 1000, launchSeconds: 0.004 };
  let seconds = 0;
  let padded = 0;
  for (let at = 0; at < lengths.length; at += NAIVE_ROWS) {
    const rows = lengths.slice(at, at + NAIVE_ROWS);
    const length = Math.max(...rows);
    padded += rows.length * length;
    seconds += secondsOf(speed, shape, rows.length, length);
  }
  return { seconds, padding: 1 - lengths.reduce((a, b) => a + b, 0) / padded };
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

for (const [name, shape] of shapes) {
  // As many rows as keep one GPU busy for the time that is wanted.
  const probe = naive(shape, lengthsOf(2000, 1)).seconds / 2000;
  const lengths = lengthsOf(Math.ceil(wanted / probe), 7);
  const before = naive(shape, lengths);
  const passes = [];
  for (const gpus of [[T4], [T4, T4]]) {
    const { telemetry, tokens, paddedTokens, error } = await simulatedPass({ gpus, lengths, shape });
    if (error) throw error;
    const [first] = telemetry.devices;
    const seconds = first?.passSeconds ?? Number.NaN;
    passes.push(seconds);
    const use = telemetry.devices.map(
      (d) =>
        `${percent(d.busySeconds / d.passSeconds)} busy, ${percent(d.utilisation ?? Number.NaN)} by nvidia-smi, ${((d.peakBytes ?? Number.NaN) / 1e9).toFixed(1)} GB, ${d.batches} batches`,
    );
    console.log(
      `${name}, ${gpus.length} x T4: ${lengths.length} rows in ${seconds.toFixed(1)} s, ${percent(1 - tokens / paddedTokens)} padding; ${use.join("; ")}`,
    );
  }
  const [one = Number.NaN, two = Number.NaN] = passes;
  console.log(
    `${name}: two are ${(one / two).toFixed(2)} times one; ${NAIVE_ROWS} rows a batch in the corpus's order on one take ${before.seconds.toFixed(1)} s with ${percent(before.padding)} padding: ${(before.seconds / two).toFixed(1)} times as long`,
  );
}
process.exit();
