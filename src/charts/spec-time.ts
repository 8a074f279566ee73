import { max } from "../core/stats.js";
import type { BatchRecord, MemorySeries } from "../schema/types.js";
import { type Band, bandLayers } from "./bands.js";
import type { Chart, Datum } from "./chart-types.js";
import { keepPeaks, MOST_POINTS, ratesOverTime } from "./downsample.js";
import { count, counted, duration, memory, memoryBeside, memoryUnit, percent, timeUnit } from "./format.js";
import { howMeasured, summarize } from "./measured.js";
import { colours, series } from "./palette.js";
import { axis, chartOf, colourBy, rateAxis, round, rule } from "./spec-parts.js";
import { clip } from "./text.js";

/** Most windows of the throughput chart. */
const WINDOWS = 60;

/**
 * Memory over time, a line for each device, against the cap where there is one; null where nothing was read.
 *
 * @param ran what computed meanwhile: drawn behind the lines, where it is more than one thing
 */
export function memoryChart(all: readonly MemorySeries[], ran: readonly Band[] = []): Chart | null {
  const read = all.filter((one) => one.points.length > 0);
  const [first] = read;
  if (!first) return null;
  const caps = [...new Set(read.flatMap((one) => one.capBytes ?? []))].sort((a, b) => a - b);
  const peak = max(read.map((one) => one.peakBytes));
  const time = timeUnit(max(read.flatMap((one) => one.points.map((p) => p.at))));
  const unit = memoryUnit(max([peak, ...caps]), caps[0] ?? null);
  const most = Math.floor(MOST_POINTS / read.length);
  const apart = new Set(read.map((one) => one.device)).size === read.length;
  const nameOf = (one: MemorySeries) => clip(apart ? one.device : `${one.device}, ${one.source}`, 40);
  const thinned = read.map((one) => ({ one, ...keepPeaks(one.points, (p) => p.bytes, most) }));
  const values = thinned.flatMap(({ one, kept }) =>
    kept.map((p) => ({ at: round(p.at / time.by), size: round(p.bytes / unit.by), series: nameOf(one) })),
  );
  const several = read.length > 1;
  const single = several ? {} : { color: series[0] };
  const left = max(thinned.map(({ per }) => per));
  const end = max(read.flatMap((one) => one.points.map((p) => p.at)));
  const above = peak > max(read.flatMap((one) => one.points.map((p) => p.bytes)));
  return {
    title: caps.length > 0 ? "Memory against the cap" : "Memory",
    caption: [
      ...new Set(read.map(howMeasured)),
      ...(left > 1 ? [`each point is the largest of ${count(left)} readings`] : []),
    ].join("; "),
    alt: `Memory over ${duration(end)}: ${read
      .map(
        (one) =>
          `${nameOf(one)} peaked at ${memoryBeside(one.peakBytes, one.capBytes)}${one.capBytes === null ? "" : ` of ${memoryBeside(one.capBytes, one.capBytes)}`}`,
      )
      .join(", ")}.`,
    spec: chartOf(values, [
      ...bandLayers(ran, end, time.by),
      {
        mark: {
          type: "line",
          strokeWidth: 1.8,
          point: values.length <= 60 ? { size: 18, ...single } : false,
          ...single,
        },
        encoding: {
          x: { field: "at", scale: { zero: true, nice: false }, ...axis(`time in ${time.name}`) },
          y: {
            field: "size",
            scale: { zero: true, domainMax: round((max([peak, ...caps]) / unit.by) * 1.12) },
            ...axis(unit.name, { tickCount: 5 }),
          },
          ...(several ? { color: colourBy("series", read.map(nameOf)) } : {}),
        },
      },
      ...caps.flatMap((cap) => rule("y", cap / unit.by, `cap ${memoryBeside(cap, cap)}`)),
      ...(above && caps.length === 0 ? rule("y", peak / unit.by, `peak ${memory(peak)}`, { reached: true }) : []),
    ]),
  };
}

/** Seconds of each batch, in the order in which they were done; null where there were no batches. */
export function latencyChart(batches: readonly BatchRecord[]): Chart | null {
  const summary = summarize(batches);
  if (!summary) return null;
  const models = [...new Set(batches.map((b) => b.model))];
  const time = timeUnit(summary.slowest);
  const thinned = models.map((model) =>
    keepPeaks(
      batches.filter((b) => b.model === model),
      (b) => b.seconds,
      Math.floor(MOST_POINTS / models.length),
    ),
  );
  const values = thinned.flatMap(({ kept }) =>
    kept.map((b) => ({ batch: b.index + 1, time: round(b.seconds / time.by), model: clip(b.model, 40) })),
  );
  const left = max(thinned.map(({ per }) => per));
  return {
    title: "Latency by batch",
    caption: `seconds inside the model, in the order in which batches were done${left > 1 ? `; each point is the slowest of ${count(left)} batches` : ""}`,
    alt: `Latency of ${counted(summary.batches, "batch", "batches")}: median ${duration(summary.median)}, 95th percentile ${duration(summary.p95)}, slowest ${duration(summary.slowest)}.`,
    spec: chartOf(values, [
      {
        mark: {
          type: "point",
          filled: true,
          size: values.length > 120 ? 12 : 24,
          opacity: 0.85,
          ...(models.length > 1 ? {} : { color: series[0] }),
        },
        encoding: {
          x: { field: "batch", scale: { nice: false, zero: false }, ...axis("batch", { tickMinStep: 1, format: "d" }) },
          y: { field: "time", scale: { zero: true }, ...axis(`latency in ${time.name}`, { tickCount: 5 }) },
          ...(models.length > 1
            ? {
                color: colourBy(
                  "model",
                  models.map((model) => clip(model, 40)),
                ),
              }
            : {}),
        },
      },
    ]),
  };
}

/** Tokens a second over time, with what was padding on top; null for batches that took no time. */
export function throughputChart(batches: readonly BatchRecord[]): Chart | null {
  const summary = summarize(batches);
  if (!summary) return null;
  const windows = ratesOverTime(batches, Math.min(WINDOWS, Math.max(12, batches.length)));
  const [first] = windows;
  if (!first) return null;
  const time = timeUnit(max(windows.map((w) => w.to)));
  // Steps, each window's rate from its start to the next one's; the last is drawn to its end.
  const steps = [...windows.map((w) => ({ ...w, at: w.from })), ...windows.slice(-1).map((w) => ({ ...w, at: w.to }))];
  const values: Datum[] = steps.flatMap(({ at, text, padding }) => [
    { at: round(at / time.by), kind: "text", rate: round(text), order: 0 },
    { at: round(at / time.by), kind: "padding", rate: round(padding), order: 1 },
  ]);
  return {
    title: "Throughput",
    caption: `tokens per second of wall time in windows of ${duration(first.to - first.from)}, a batch's tokens spread evenly over its time`,
    alt: `Throughput: ${count(Math.round(summary.tokensPerSecond))} tokens of text a second over ${duration(summary.busySeconds)}; ${percent(summary.padding)} of the computed tokens were padding.`,
    spec: chartOf(values, [
      {
        mark: { type: "area", interpolate: "step-after" },
        encoding: {
          x: { field: "at", scale: { nice: false, zero: true }, ...axis(`time in ${time.name}`) },
          y: { field: "rate", stack: "zero", ...rateAxis("tokens/s") },
          color: colourBy("kind", ["text", "padding"], [colours.green, colours.grey]),
          order: { field: "order", type: "quantitative" },
        },
      },
    ]),
  };
}
