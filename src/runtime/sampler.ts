import { readFileSync } from "node:fs";
import type { MemorySeries } from "../schema/types.js";
import type { NvidiaSmi, UsableDevice } from "./devices/types.js";
import { openThinned, type Thinned } from "./series.js";
import { type SmiLoop, startSmiLoop } from "./smi-loop.js";
import { openUse, type Use } from "./use.js";

/** What was read of a device. */
export interface Reading {
  /** Seconds, by the sampler's clock. */
  readonly at: number;
  /** Bytes in use on a GPU, whoever has them; on the CPU the resident set of the processes that are watched. */
  readonly usedBytes: number;
  /** 0..1; null where nothing tells. */
  readonly utilisation: number | null;
}

/** How devices are read. */
export interface SamplerOptions {
  /** Hears every reading as it comes: what may have to be acted on. */
  readonly onReading?: (device: string, reading: Reading) => void;
  /** Seconds since the stage began; by default since the sampler was started. */
  readonly now?: () => number;
  /** The limit that series of GPUs are drawn with; null by default. */
  readonly capBytes?: number | null;
}

/** Reads memory and use of devices until it is stopped. */
export interface Sampler {
  /** Counts a process's resident memory from now on until it ends; only for the CPU, whose memory is everybody's. */
  watch(device: string, pid: number): void;
  /** Memory of a device until now; null where there was no reading. */
  series(device: string): MemorySeries | null;
  /** The newest reading of a device; null before the first. */
  latest(device: string): Reading | null;
  /** Mean utilisation between two times of the sampler's clock, 0..1; null where no reading falls between them or none tells. */
  meanUtilisation(device: string, from: number, to: number): number | null;
  /** What went wrong with reading, in words; empty where nothing did. */
  notes(): readonly string[];
  /** Ends the reading. Series stay. */
  stop(): Promise<void>;
}

const EVERY_MS = 250;

interface Watched {
  readonly device: UsableDevice;
  readonly memory: Thinned;
  readonly use: Use;
  readonly pids: Set<number>;
  latest: Reading | null;
  peakBytes: number;
}

/**
 * Starts to read memory and utilisation of devices four times a second: of GPUs through one nvidia-smi in its loop mode for all
 * that the same tool knows, of the CPU from the system's own figures of the processes that are watched. It does not
 * keep the program alive.
 */
export function startSampler(devices: readonly UsableDevice[], options: SamplerOptions = {}): Sampler {
  const start = performance.now();
  const now = options.now ?? (() => (performance.now() - start) / 1000);
  const watched = new Map<string, Watched>(
    devices.map((device) => [
      device.name,
      { device, memory: openThinned(), use: openUse(), pids: new Set(), latest: null, peakBytes: 0 },
    ]),
  );
  const take = (one: Watched, usedBytes: number, utilisation: number | null, peakBytes = usedBytes) => {
    const reading = { at: now(), usedBytes, utilisation };
    one.latest = reading;
    one.peakBytes = Math.max(one.peakBytes, peakBytes);
    one.memory.add({ at: reading.at, bytes: usedBytes });
    if (utilisation !== null) one.use.add(reading.at, utilisation);
    options.onReading?.(one.device.name, reading);
  };

  const loops: SmiLoop[] = [];
  for (const [smi, its] of byTool([...watched.values()])) {
    const byUuid = new Map(its.map((one) => [one.device.uuid, one]));
    const loop = startSmiLoop(smi, EVERY_MS, ({ uuid, usedBytes, utilisation }) => {
      const one = byUuid.get(uuid);
      // Both are rounded to MiB.
      if (!one || usedBytes > (one.device.memoryBytes ?? Number.POSITIVE_INFINITY) + 2 ** 20) return;
      take(one, usedBytes, utilisation);
    });
    loops.push(loop);
  }

  // Lines are told apart by their ids alone.
  const unwatched = devices
    .filter(({ smi, uuid }) => smi !== null && uuid === null)
    .map(({ name }) => `nvidia-smi tells no id of ${name}, so its memory was not read`);

  const processors = [...watched.values()].filter(({ device }) => device.kind === "cpu");
  const readResident = (one: Watched) => {
    const resident = [...one.pids].flatMap((pid) => {
      const memory = residentOf(pid);
      if (!memory) one.pids.delete(pid);
      return memory ? [memory] : [];
    });
    const sum = resident.reduce((bytes, memory) => bytes + memory.bytes, 0);
    if (resident.length > 0) take(one, sum, null, Math.max(sum, ...resident.map(({ peakBytes }) => peakBytes)));
  };
  const timer = setInterval(() => processors.forEach(readResident), EVERY_MS).unref();
  if (processors.length === 0) clearInterval(timer);

  return {
    watch(name, pid) {
      const one = watched.get(name);
      if (one?.device.kind !== "cpu") return;
      one.pids.add(pid);
      // At once: one that lives for less than an interval is seen too.
      readResident(one);
    },
    series(name) {
      const one = watched.get(name);
      if (!one?.latest) return null;
      const cpu = one.device.kind === "cpu";
      return {
        device: name,
        source: cpu ? "resident set of the inference process" : "nvidia-smi memory.used",
        interval: `every ${EVERY_MS} ms`,
        capBytes: cpu ? null : (options.capBytes ?? null),
        peakBytes: one.peakBytes,
        points: one.memory.points(),
      };
    },
    latest: (name) => watched.get(name)?.latest ?? null,
    meanUtilisation: (name, from, to) => watched.get(name)?.use.mean(from, to) ?? null,
    notes: () => [...unwatched, ...loops.flatMap((loop) => loop.notes)],
    async stop() {
      clearInterval(timer);
      await Promise.all(loops.map((loop) => loop.stop()));
    },
  };
}

/** Devices by the tool that knows them: all that one command knows have one environment. */
function byTool(all: readonly Watched[]): ReadonlyMap<NvidiaSmi, readonly Watched[]> {
  const tools = new Map<NvidiaSmi, Watched[]>();
  for (const one of all) {
    const { smi, uuid } = one.device;
    if (!smi || uuid === null) continue;
    const known = [...tools.keys()].find((tool) => tool.command === smi.command);
    if (known) tools.get(known)?.push(one);
    else tools.set(smi, [one]);
  }
  return tools;
}

/** Resident set of a process and its high-water mark; null where it has ended, or the system has no /proc. */
function residentOf(pid: number): { readonly bytes: number; readonly peakBytes: number } | null {
  try {
    const text = readFileSync(`/proc/${pid}/status`, "latin1");
    const bytes = Number(/^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1]) * 1024;
    const peakBytes = Number(/^VmHWM:\s+(\d+) kB$/m.exec(text)?.[1]) * 1024;
    return bytes > 0 ? { bytes, peakBytes } : null;
  } catch {
    return null;
  }
}
