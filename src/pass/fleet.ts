import { limitsOf } from "../budget/limits.js";
import { CPU_TOKEN_BUDGET } from "../core/batches.js";
import { modelTooLargeForDevice } from "../core/errors.js";
import type { UsableDevice } from "../runtime/devices/types.js";
import { withLeases } from "../runtime/lease.js";
import { type Reading, type Sampler, startSampler } from "../runtime/sampler.js";
import type { DeviceEvent, DeviceReport, MemoryLimits } from "../schema/device-types.js";
import type { StageWork } from "../stage/work.js";
import type { MemorySample, MicroBatchRecord } from "../telemetry/recorder.js";
import type { PassInput } from "./input.js";
import { type Member, openMember } from "./member.js";
import { batchSecondsOn } from "./rule.js";
import type { Tuning } from "./tuning.js";

/** What the devices of a pass are opened for. */
export interface FleetInput extends PassInput {
  readonly devices: readonly UsableDevice[];
  /** Finds out how large batches may be; null where that is planned. */
  readonly tuning: Tuning | null;
  /** Told what happens on a device, with the most memory that was seen there since its batch began, until all are given back. */
  readonly happened: (event: DeviceEvent, memory: MemorySample | null) => void;
  /** What was computed since the fleet was opened, for its reports. */
  readonly computed: () => readonly MicroBatchRecord[];
}

/** The devices of a pass at work. */
export interface Fleet {
  readonly members: readonly Member[];
  readonly event: (event: Omit<DeviceEvent, "at" | "model">) => void;
}

/** What the sampler says of its series of GPUs. */
const SAMPLING = { source: "nvidia-smi memory.used", interval: "every 250 ms" };

/** Longest wait for a reading of a device's memory, in milliseconds: many intervals of the sampler, on a machine that is busy. */
const READING_MS = 5000;

/**
 * Takes the devices, in turn with others, watches their memory, lets `use` work with
 * them, and ends every process before it gives them back: then their memory is free.
 *
 * @throws RagError `model_too_large_for_device`, `device_busy`, and whatever `use` throws
 */
export async function withFleet<T>(work: StageWork, input: FleetInput, use: (fleet: Fleet) => Promise<T>): Promise<T> {
  const { settings, model, stage, devices } = input;
  const { recorder, signal } = work;
  const limits = limitsOf(settings.memoryCapBytes);
  const members = new Map<string, Member>();
  const event: Fleet["event"] = (what) => {
    const full = recorder.event({ ...what, model: model.card.key });
    input.happened(full, members.get(what.device)?.memory() ?? null);
  };
  for (const device of devices) {
    const { weightBytes } = model.shape;
    const limitBytes = usableBytes(device, limits);
    if (device.kind !== "cpu" && weightBytes > limitBytes)
      throw modelTooLargeForDevice(model.card.key, device.name, { neededBytes: weightBytes, limitBytes, weightBytes });
  }
  const lookers = new Set<() => void>();

  const owner = `${stage} · ${model.card.key}`;
  const capped = devices.some(({ kind }) => kind !== "cpu");
  const live = capped ? work.live({ capBytes: limits.capBytes, ...SAMPLING }) : null;
  const sampler = startSampler(devices, {
    now: recorder.now,
    capBytes: limits.capBytes,
    onReading(name, reading) {
      for (const look of [...lookers]) look();
      const member = members.get(name);
      live?.update([{ device: name, usedBytes: reading.usedBytes, utilisation: reading.utilisation }], owner);
      if (member && member.device.kind !== "cpu") guard(member, reading, limits, event);
    },
  });
  const read = (device: UsableDevice) => youngReading(sampler, device, recorder.now, lookers);
  const from = recorder.now();
  try {
    const { value, leases } = await withLeases(
      devices,
      owner,
      { waitSeconds: settings.leaseWaitSeconds, signal, read },
      async () => {
        for (const device of devices)
          members.set(
            device.name,
            memberOf(work, input, device, sampler, () => read(device)),
          );
        const all = [...members.values()];
        const remember = async () => {
          await Promise.all(all.map((member) => member.end()));
          for (const member of all) {
            const budget = member.budget();
            if (budget) await input.tuning?.remember(member.device, budget.found());
          }
        };
        const value = await use({ members: all, event }).catch(async (error) => {
          await remember().catch(() => {}); // What the pass has failed with counts more.
          throw error;
        });
        await remember();
        return value;
      },
    );
    for (const lease of leases) recorder.lease(lease);
    return value;
  } finally {
    for (const device of devices) {
      const series = sampler.series(device.name);
      if (series) recorder.memory(series);
      const member = members.get(device.name);
      if (member) recorder.device(reportOf(member, input, sampler, from));
    }
    for (const words of sampler.notes()) work.note("sampling", words);
    live?.finish();
    await sampler.stop();
  }
}

function memberOf(
  work: StageWork,
  input: FleetInput,
  device: UsableDevice,
  sampler: Sampler,
  readBytes: () => Promise<number | null>,
): Member {
  const { settings, model, normalize, maxRows, tuning } = input;
  const { card, onnxFile, externalData, shape } = model;
  const onGpu = device.kind !== "cpu";
  return openMember({
    device,
    options: {
      model: card.key,
      onnxFile,
      externalData,
      pooling: card.pooling,
      normalize,
      threads: settings.threads,
      shape,
      probe: onGpu,
    },
    signal: work.signal,
    maxRows,
    limitBytes: usableBytes(device, limitsOf(settings.memoryCapBytes)),
    tokenBudget: settings.tokenBudget ?? CPU_TOKEN_BUDGET,
    batchSeconds: batchSecondsOn(device.kind),
    timeoutSeconds: onGpu ? settings.batchTimeoutSeconds : null,
    loadSeconds: onGpu ? settings.loadTimeoutSeconds : null,
    sampling: { ...SAMPLING, capBytes: limitsOf(settings.memoryCapBytes).capBytes },
    readBytes,
    openBudget: async (base, loaded) => (onGpu && tuning ? tuning.open(device, base, loaded) : null),
    started: (pid) => sampler.watch(device.name, pid),
    loading: (load) => work.recorder.timed("load", load),
  });
}

function usableBytes({ memoryBytes }: UsableDevice, { softBytes }: MemoryLimits): number {
  return Math.min(softBytes, memoryBytes ?? softBytes);
}

/** Records what is seen above the cap, once until it is below again, and ends a process that comes near it. */
function guard(member: Member, { usedBytes }: Reading, limits: MemoryLimits, event: Fleet["event"]): void {
  member.saw(usedBytes);
  const seen = `${(usedBytes / 1e9).toFixed(2)} GB were in use`;
  const device = member.device.name;
  const cap = `${(limits.capBytes / 1e9).toFixed(1)} GB`;
  const over = usedBytes > limits.capBytes;
  if (over && !member.overCap)
    event({ device, kind: "violation", rows: 0, length: 0, words: `${seen}, more than the cap of ${cap}` });
  member.overCap = over;
  if (usedBytes < limits.watchdogBytes || member.watchdog !== null || !member.running()) return;
  member.watchdog = `${seen}, near the cap of ${cap}, and the process was ended`;
  member.kill(member.watchdog);
}

/** Bytes in use on a device, by the first reading that is younger than the call; null where none comes. */
async function youngReading(
  sampler: Sampler,
  device: UsableDevice,
  now: () => number,
  lookers: Set<() => void>,
): Promise<number | null> {
  if (device.smi === null) return null;
  const asked = now();
  return new Promise((resolve) => {
    const done = (bytes: number | null) => {
      clearTimeout(timer);
      lookers.delete(look);
      resolve(bytes);
    };
    const look = () => {
      const reading = sampler.latest(device.name);
      if (reading && reading.at > asked) done(reading.usedBytes);
    };
    const timer = setTimeout(() => done(null), READING_MS);
    lookers.add(look);
  });
}

function reportOf(member: Member, input: FleetInput, sampler: Sampler, from: number): DeviceReport {
  const { kind, name, product, index, uuid, memoryBytes, computeCapability } = member.device;
  const all = input.computed();
  const mine = all.filter(({ device }) => device === name);
  const sum = (of: (record: MicroBatchRecord) => number) => mine.reduce((total, record) => total + of(record), 0);
  const begin = all.reduce((least, { at, seconds }) => Math.min(least, at - seconds), Number.POSITIVE_INFINITY);
  const end = all.reduce((most, { at }) => Math.max(most, at), from);
  return {
    device: { kind, name, product, index, uuid, memoryBytes, computeCapability },
    model: input.model.card.key,
    batches: new Set(mine.map(({ batch }) => batch)).size,
    rows: sum(({ rows }) => rows),
    tokens: sum(({ tokens }) => tokens),
    paddedTokens: sum(({ paddedTokens }) => paddedTokens),
    busySeconds: sum(({ seconds }) => seconds),
    passSeconds: all.length > 0 ? end - begin : 0,
    placement: member.placement(),
    utilisation: all.length > 0 ? sampler.meanUtilisation(name, begin, end) : null,
    peakBytes: sampler.series(name)?.peakBytes ?? null,
  };
}
