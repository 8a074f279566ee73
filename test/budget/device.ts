import type { BatchBudget } from "../../dist/budget/types.js";
import { activationBytes, secondsOf } from "../../dist/core/batch-cost.js";
import { openArena } from "../../dist/runtime/simulated/arena.js";
import type { MemoryLimits, ModelShape } from "../../dist/schema/device-types.js";

/** Numbers in [0, 1) from a seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const LIMITS: MemoryLimits = { softBytes: 10e9, watchdogBytes: 11.5e9, capBytes: 12e9 };

/** A model of BERT's proportions, in fp16. */
export function bert(layers: number, hidden: number, more: Partial<ModelShape> = {}): ModelShape {
  return {
    layers,
    hidden,
    heads: hidden / 64,
    intermediate: 4 * hidden,
    vocabulary: 30_522,
    weightBytes: 2 * (12 * layers * hidden ** 2 + 30_522 * hidden),
    numberBytes: 2,
    vocabularyOutput: false,
    source: "config.json",
    ...more,
  };
}

/** A device whose memory follows no formula of ours: other factors for each term, something fixed, and an allocator that gives nothing back. */
export interface Device {
  readonly shape: ModelShape;
  /** Factors of the terms that are linear in the tokens, and of the attention's square one. */
  readonly linear: number;
  readonly square: number;
  readonly fixed: number;
  readonly allocator: NewAllocator;
  readonly base: number;
  readonly loaded: number;
  readonly physical: number;
  readonly halfTokens: number;
  /** Seconds between two readings of its memory; 0 for none at all. */
  readonly interval: number;
}

/** An allocator: takes of the device what buffers need that live at the same time, and gives nothing back. */
export interface Allocator {
  readonly held: number;
  /** @throws where the device has not so much */
  allocate(buffers: readonly number[]): void;
}

/** Begins with nothing on a device that has so many bytes left. */
export type NewAllocator = (room: number) => Allocator;

/** Takes as much as is needed, rounded up. */
const rounding =
  (block: number): NewAllocator =>
  (room) => {
    let held = 0;
    return {
      get held() {
        return held;
      },
      allocate(buffers) {
        const bytes = buffers.reduce((sum, one) => sum + one, 0);
        const wanted = Math.max(held, Math.ceil(bytes / block) * block);
        if (wanted > room) throw new RangeError("out of memory");
        held = wanted;
      },
    };
  };

/** As onnxruntime's: a buffer lies within one region, and regions are powers of two. */
export const regions: NewAllocator = (room) => {
  let held = 0;
  const arena = openArena((bytes) => {
    if (held + bytes > room) return false;
    held += bytes;
    return true;
  });
  return {
    get held() {
      return held;
    },
    allocate(buffers) {
      try {
        for (const bytes of buffers) arena.allocate(bytes);
      } finally {
        arena.reset();
      }
    },
  };
};

const allocators: readonly NewAllocator[] = [rounding(1), rounding(2 ** 28), regions, regions];

/** A device drawn from a seed. */
export function anyDevice(random: () => number, more: Partial<Device> = {}): Device {
  const shapes = [bert(6, 384), bert(12, 768), bert(24, 1024), bert(12, 768, { vocabularyOutput: true })];
  const shape = shapes[Math.floor(random() * shapes.length)] as ModelShape;
  const base = random() * 0.6e9;
  return {
    shape,
    linear: 0.4 * 8 ** random(),
    square: random() < 0.3 ? 0 : 0.3 * 8 ** random(),
    fixed: random() * 300e6,
    allocator: allocators[Math.floor(random() * allocators.length)] as NewAllocator,
    base,
    loaded: base + 0.4e9 + shape.weightBytes * (1 + random()),
    physical: 15.8e9,
    halfTokens: 300 * 10 ** random(),
    interval: random() < 0.1 ? 0 : 0.25,
    ...more,
  };
}

/** Buffers of a batch that live at the same time. */
export function buffersOf({ shape, linear, square, fixed }: Device, rows: number, length: number): number[] {
  const bytes = activationBytes(shape, rows, length);
  const parts = (sum: number, count: number) => (sum > 0 ? new Array<number>(count).fill(sum / count) : []);
  return [
    fixed,
    ...parts(linear * bytes.linear, 8),
    ...parts(square * bytes.square, 2),
    ...parts(linear * bytes.words, 3),
  ];
}

/** Bytes in use with a batch on a device that ran nothing else. */
export function bytesAlone(device: Device, rows: number, length: number): number {
  const arena = device.allocator(Number.POSITIVE_INFINITY);
  arena.allocate(buffersOf(device, rows, length));
  return device.loaded + arena.held;
}

/** What a pass over a device came to. */
export interface Outcome {
  readonly seconds: number;
  readonly batches: readonly {
    readonly rows: number;
    readonly length: number;
    readonly bytes: number;
    readonly seconds: number;
  }[];
  readonly outOfMemory: number;
  /** Processes that were ended because a reading came near the cap. */
  readonly kills: number;
  /** Rows that the budget gave no batch. */
  readonly refused: number;
}

const speed = (device: Device) => ({ flops: 20e12, halfTokens: device.halfTokens, launchSeconds: 0.002 });

/**
 * Runs rows, longest first, as the budget says. Memory is read at the interval, often
 * too early to see what a batch takes; batches are up to a tenth slower than they
 * could be, one in fifty takes twice as long.
 */
export function simulate(
  device: Device,
  lengths: readonly number[],
  budget: BatchBudget,
  random: () => number,
): Outcome {
  const batches: Outcome["batches"][number][] = [];
  const fresh = () => device.allocator(device.physical - device.loaded);
  let [clock, failures, kills, refused] = [0, 0, 0, 0];
  let arena = fresh();
  const anew = (rows: number, length: number) => {
    budget.outOfMemory(rows, length);
    arena = fresh();
    budget.renewed(device.loaded);
  };
  for (let at = 0; at < lengths.length; ) {
    const length = lengths[at] as number;
    let rows = Math.min(budget.rowsFor(length), lengths.length - at);
    for (; rows > 0; rows = Math.floor(rows / 2)) {
      const before = arena.held;
      try {
        arena.allocate(buffersOf(device, rows, length));
      } catch {
        failures++;
        anew(rows, length);
        continue;
      }
      const slow = (1 + 0.1 * random()) * (random() < 0.02 ? 2 : 1);
      const seconds = secondsOf(speed(device), device.shape, rows, length) * slow;
      const grownAt = clock + seconds * 0.6 * random();
      let peakBytes: number | null = null;
      if (device.interval > 0) {
        const last = Math.floor((clock + seconds) / device.interval) * device.interval;
        if (last >= clock) peakBytes = device.loaded + (last >= grownAt ? arena.held : before);
      }
      clock += seconds;
      batches.push({ rows, length, bytes: device.loaded + arena.held, seconds });
      if (peakBytes !== null && peakBytes > LIMITS.watchdogBytes) {
        kills++;
        anew(rows, length);
        continue;
      }
      budget.observe({ rows, length, seconds, peakBytes });
      break;
    }
    if (rows === 0) refused++;
    at += Math.max(1, rows);
  }
  return { seconds: clock, batches, outOfMemory: failures, kills, refused };
}

/** Seconds of the same rows with the largest batches that stay below the soft limit, by someone who knows the device. */
export function bestSeconds(device: Device, lengths: readonly number[]): number {
  let seconds = 0;
  for (let at = 0; at < lengths.length; ) {
    const length = lengths[at] as number;
    const fits = (rows: number) => bytesAlone(device, rows, length) <= LIMITS.softBytes;
    let rows = 1;
    while (at + rows < lengths.length && rows < 65_536 && fits(rows * 2)) rows *= 2;
    while (at + rows < lengths.length && fits(Math.ceil(rows * 1.1))) rows = Math.ceil(rows * 1.1);
    rows = Math.min(rows, lengths.length - at);
    seconds += secondsOf(speed(device), device.shape, rows, length) * 1.05;
    at += rows;
  }
  return seconds;
}

/** Token counts, longest first: one of several shapes that corpora have. */
export function anyLengths(random: () => number, count: number, longest: number): number[] {
  const kind = Math.floor(random() * 3);
  const draw = () => {
    if (kind === 0) return 16 + random() * (longest - 16);
    if (kind === 1)
      return Math.exp(Math.log(longest / 4) + 0.8 * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(6.28 * random()));
    return random() < 0.05 ? longest : 30 + 200 * random();
  };
  return Array.from({ length: count }, () => Math.max(4, Math.min(longest, Math.round(draw())))).sort((a, b) => b - a);
}
