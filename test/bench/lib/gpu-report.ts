import type * as rag from "../../../dist/index.js";
import type { Limit } from "./gpu-limit.ts";
import type { PythonFigures } from "./gpu-python.ts";

/** What a pass over all texts came to. */
export interface PassFigures {
  readonly devices: number;
  /** From the first batch's start to the last one's end; before it the tokens of all texts were counted. */
  readonly seconds: number;
  readonly countSeconds: number;
  readonly tokensPerSecond: number;
  readonly textsPerSecond: number;
  readonly padding: number;
  readonly batches: number;
  /** Least share of the pass in which a device was computing, and least utilisation as the device tells it. */
  readonly computing: number | null;
  readonly utilisation: number | null;
  readonly placement: Readonly<Record<string, number>> | null;
  readonly beforeBytes: number | null;
  readonly peakBytes: number | null;
  readonly afterBytes: number | null;
  readonly events: readonly string[];
}

/** Everything about one model. */
export interface ModelFigures {
  readonly model: string;
  readonly dtype: string;
  readonly texts: number;
  readonly weightBytes: number;
  readonly first: PassFigures;
  /** Again, with what the first pass found out. */
  readonly again: PassFigures;
  readonly oneDevice: PassFigures | null;
  readonly limit: Limit | string;
  readonly sentenceTransformers: PythonFigures | string;
}

/** The figures of a run. */
export function figuresOf(run: rag.DenseRun): PassFigures {
  const { batches, devices, leases, events, memory, phases } = run.telemetry;
  const [vectors] = run.vectors as [rag.DenseVectors];
  const seconds = devices[0]
    ? Math.max(...devices.map(({ passSeconds }) => passSeconds))
    : batches.reduce((sum, batch) => sum + batch.seconds, 0);
  const least = (shares: readonly (number | null)[]) => {
    const known = shares.flatMap((share) => share ?? []);
    return known.length > 0 ? Math.min(...known) : null;
  };
  const bytes = (all: readonly (number | null)[]) => {
    const known = all.flatMap((one) => one ?? []);
    return known.length > 0 ? Math.max(...known) : null;
  };
  return {
    devices: Math.max(1, devices.length),
    seconds,
    countSeconds: phases["tokenize"] ?? 0,
    tokensPerSecond: vectors.tokens / seconds,
    textsPerSecond: run.count / seconds,
    padding: 1 - vectors.tokens / vectors.paddedTokens,
    batches: batches.length,
    computing: least(devices.map(({ busySeconds, passSeconds }) => busySeconds / passSeconds)),
    utilisation: least(devices.map(({ utilisation }) => utilisation)),
    placement: devices[0]?.placement ?? null,
    beforeBytes: bytes(leases.map(({ beforeBytes }) => beforeBytes)),
    peakBytes: bytes(memory.map(({ peakBytes }) => peakBytes)),
    afterBytes: bytes(leases.map(({ afterBytes }) => afterBytes)),
    events: events.map(({ kind, rows, length, words }) => `${kind} ${rows} x ${length}: ${words.slice(0, 120)}`),
  };
}

/** Prints the figures of a model. */
export function print({
  model,
  dtype,
  texts,
  weightBytes,
  first,
  again,
  oneDevice,
  limit,
  ...rest
}: ModelFigures): void {
  console.log(`\n${model}, ${dtype}, ${gb(weightBytes)} of weights, ${texts} texts`);
  const rows: [string, PassFigures | null][] = [
    ["first pass", first],
    ["second pass", again],
    ["one device", oneDevice],
  ];
  for (const [name, pass] of rows) {
    if (!pass) continue;
    const { devices, seconds, textsPerSecond, tokensPerSecond, padding, batches, computing, utilisation } = pass;
    console.log(
      `  ${name.padEnd(12)} ${devices} device(s)  ${seconds.toFixed(2)} s  ${textsPerSecond.toFixed(0)} texts/s  ${tokensPerSecond.toFixed(0)} tokens/s  padding ${share(padding)}  ${batches} batches  computing ${share(computing)}  utilisation ${share(utilisation)}`,
    );
    console.log(
      `  ${"".padEnd(12)} memory before ${gb(pass.beforeBytes)}, peak ${gb(pass.peakBytes)}, after ${gb(pass.afterBytes)}`,
    );
    for (const event of pass.events) console.log(`  ${"".padEnd(12)} ${event}`);
  }
  if (again.placement)
    console.log(
      `  graph nodes  ${Object.entries(again.placement)
        .map((pair) => pair.join(" "))
        .join(", ")}`,
    );
  if (oneDevice)
    console.log(`  ${again.devices} devices are ${(oneDevice.seconds / again.seconds).toFixed(2)} times one`);
  if (typeof limit === "string") console.log(`  memory's end ${limit}`);
  else {
    const end = limit.failed === null ? "none failed" : `${limit.failed} did not`;
    console.log(
      `  memory's end ${limit.ran} rows of ${limit.length} tokens ran, ${end}; loaded ${gb(limit.loadedBytes)}, full ${gb(limit.fullBytes)}, after ${gb(limit.afterBytes)}`,
    );
    if (limit.failed !== null)
      console.log(`               afterwards: same session ${limit.sameSession}; new session ${limit.newSession}`);
  }
  const python = rest.sentenceTransformers;
  if (typeof python === "string") console.log(`  sentence-transformers: ${python}`);
  else {
    const ours = oneDevice ?? again;
    const best = Math.min(...Object.values(python.seconds));
    console.log(
      `  sentence-transformers ${dtype}: ${Object.entries(python.seconds)
        .map(([size, s]) => `${s.toFixed(2)} s in batches of ${size}`)
        .join(
          ", ",
        )}; ours is ${(best / (ours.seconds + ours.countSeconds)).toFixed(2)} times as fast${ours.devices > 1 ? ` on ${ours.devices} devices` : ""}, the counting of tokens included`,
    );
  }
}

function gb(bytes: number | null): string {
  return bytes === null ? "-" : `${(bytes / 1e9).toFixed(2)} GB`;
}

function share(value: number | null): string {
  return value === null ? "-" : `${(100 * value).toFixed(1)} %`;
}
