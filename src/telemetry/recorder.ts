import { covered } from "../core/stats.js";
import type { DeviceEvent, DeviceReport, LeaseEvent } from "../schema/device-types.js";
import type { BatchRecord, MemorySeries, StageTelemetry } from "../schema/types.js";

/** Collects what a stage measures while it runs. Times are seconds since the stage began, earlier attempts included. */
export interface Recorder {
  /** Seconds since the stage began. */
  now(): number;
  /** Takes over what an interrupted attempt had journaled; later times continue behind it. */
  takeOver(record: MicroBatchRecord, memory: MemorySample | null): void;
  takeOverEvent(event: DeviceEvent, memory: MemorySample | null): void;
  /** Adds what was computed at once to its batch. */
  microBatch(record: Omit<MicroBatchRecord, "at">, memory: MemorySample | null): MicroBatchRecord;
  /** Adds seconds to a phase. */
  phase(name: string, seconds: number): void;
  /** Runs `work` and adds its time to a phase. */
  timed<T>(name: string, work: () => Promise<T>): Promise<T>;
  /** Readings of a device's memory, with times since the stage began. */
  memory(series: MemorySeries): void;
  /** What a device did in a pass, its turns on it, and what happened there. */
  device(report: DeviceReport): void;
  lease(event: LeaseEvent): void;
  event(event: Omit<DeviceEvent, "at">): DeviceEvent;
  /** What happened on devices so far. */
  events(): readonly DeviceEvent[];
  finish(): StageTelemetry;
}

/** What a model computed at once: a part of a batch. */
export interface MicroBatchRecord extends Omit<BatchRecord, "index" | "microBatches"> {
  /** With the device, says which batch it is a part of. */
  readonly batch: number;
}

/** One reading of a process's memory. */
export interface MemorySample {
  readonly source: string;
  readonly interval: string;
  readonly capBytes: number | null;
  readonly bytes: number;
  /** High-water mark as the system keeps it, in bytes. */
  readonly peakBytes: number;
}

interface Series extends Omit<MemorySeries, "points" | "peakBytes" | "interval"> {
  interval: string;
  peakBytes: number;
  points: { at: number; bytes: number }[];
}

/**
 * Starts recording. The clock is monotonic; the wall clock is read once, so that a
 * clock that is set back meanwhile lets no stage end before it began.
 *
 * @param start when the stage began, by `performance.now()`: now, or when its verb was called
 */
export function startRecorder(start: number = performance.now()): Recorder {
  const startedAt = Date.now() - (performance.now() - start);
  let earlier = 0;
  const phases: Record<string, number> = {};
  const batches = new Map<string, BatchRecord>();
  const underWay = new Map<string, { count: number; since: number }>();
  /** Memory by device and source: of earlier attempts, at the ends of batches, and as it was sampled. */
  const [before, ends, sampled] = [new Map<string, Series>(), new Map<string, Series>(), new Map<string, Series>()];
  const devices: DeviceReport[] = [];
  const leases: LeaseEvent[] = [];
  const events: DeviceEvent[] = [];

  const now = () => earlier + (performance.now() - start) / 1000;
  const phase = (name: string, seconds: number) => {
    phases[name] = (phases[name] ?? 0) + seconds;
  };
  const sample = (to: Map<string, Series>, device: string, at: number, reading: MemorySample) =>
    add(to, { ...reading, device, points: [{ at, bytes: reading.bytes }] });

  const finished = (all: readonly BatchRecord[]): StageTelemetry => ({
    startedAt: new Date(startedAt).toISOString(),
    finishedAt: new Date(startedAt + performance.now() - start).toISOString(),
    seconds: now(),
    // Batches on two devices at once took their time once.
    phases: all.length > 0 ? { ...phases, encode: covered(all.map((b) => [b.at - b.seconds, b.at])) } : phases,
    batches: all,
    memory: memoryOf(before, ends, sampled),
    devices,
    leases,
    events,
  });

  return {
    now,
    phase,
    takeOver(record, reading) {
      earlier = Math.max(earlier, record.at);
      addTo(batches, record);
      if (reading) sample(before, record.device, record.at, reading);
    },
    takeOverEvent(event, reading) {
      earlier = Math.max(earlier, event.at);
      events.push(event);
      if (reading) sample(before, event.device, event.at, reading);
    },
    microBatch(record, reading) {
      const full = { ...record, at: now() };
      addTo(batches, full);
      if (reading) sample(ends, record.device, full.at, reading);
      return full;
    },
    async timed(name, work) {
      // What runs at once, on several devices, takes its time once.
      const under = underWay.get(name) ?? { count: 0, since: 0 };
      underWay.set(name, under);
      if (under.count++ === 0) under.since = performance.now();
      try {
        return await work();
      } finally {
        if (--under.count === 0) phase(name, (performance.now() - under.since) / 1000);
      }
    },
    memory: (series) => add(sampled, series),
    device: (report) => devices.push(report),
    lease: (event) => leases.push(event),
    event(event) {
      const full = { ...event, at: now() };
      events.push(full);
      return full;
    },
    events: () => events,
    finish: () => finished([...batches.values()]),
  };
}

/** Batches stand in the order in which the first of each came back. */
function addTo(batches: Map<string, BatchRecord>, { batch, ...record }: MicroBatchRecord): void {
  const key = `${record.model}\u0000${record.device}\u0000${batch}`;
  const before = batches.get(key);
  const { rows, tokens, paddedTokens, seconds } = record;
  batches.set(key, {
    ...record,
    index: before?.index ?? batches.size,
    microBatches: [...(before?.microBatches ?? []), rows],
    rows: (before?.rows ?? 0) + rows,
    tokens: (before?.tokens ?? 0) + tokens,
    paddedTokens: (before?.paddedTokens ?? 0) + paddedTokens,
    seconds: (before?.seconds ?? 0) + seconds,
  });
}

/** Puts readings behind those of the same device and source. */
function add(to: Map<string, Series>, { device, source, interval, capBytes, peakBytes, points }: MemorySeries): void {
  const key = `${device}\u0000${source}`;
  const series = to.get(key) ?? { device, source, interval, capBytes, peakBytes: 0, points: [] };
  to.set(key, series);
  for (const point of points) {
    series.points.push(point);
    series.peakBytes = Math.max(series.peakBytes, point.bytes);
  }
  series.peakBytes = Math.max(series.peakBytes, peakBytes);
}

/** One series for a device and source: what earlier attempts left, then this one's samples, or the ends of its batches where nothing was sampled. */
function memoryOf(
  before: ReadonlyMap<string, Series>,
  ends: ReadonlyMap<string, Series>,
  sampled: ReadonlyMap<string, Series>,
): MemorySeries[] {
  const all = new Map<string, Series>();
  // Devices in their own order, which the sampler's series have: batches come back in any.
  for (const key of new Set([...sampled.keys(), ...before.keys(), ...ends.keys()]))
    for (const series of [before.get(key), sampled.get(key) ?? ends.get(key)]) {
      if (!series) continue;
      add(all, series);
      (all.get(key) as Series).interval = series.interval;
    }
  return [...all.values()];
}
