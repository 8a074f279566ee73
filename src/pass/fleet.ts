import { limitsOf } from "../budget/limits.js";
import { openBudget } from "../budget/open.js";
import type { RememberedBudget } from "../budget/types.js";
import { CPU_TOKEN_BUDGET } from "../core/batches.js";
import type { UsableDevice } from "../runtime/devices/types.js";
import { withLeases } from "../runtime/lease.js";
import { type Reading, startSampler } from "../runtime/sampler.js";
import type { DeviceEvent } from "../schema/device-types.js";
import type { StageWork } from "../stage.js";
import type { MemorySample } from "../telemetry/recorder.js";
import type { PassInput } from "./input.js";
import { type Member, openMember } from "./member.js";

/** The devices of a pass at work. */
export interface Fleet {
  readonly members: readonly Member[];
  readonly event: (event: Omit<DeviceEvent, "at" | "model">) => void;
  /** What a batch's frame says of memory. */
  readonly memorySample: (
    member: Member,
    report: { readonly rssBytes: number; readonly peakRssBytes: number },
  ) => MemorySample | null;
}

/** Longest wait for a reading of a device's memory, in milliseconds: several intervals of the sampler. */
const READING_MS = 3000;

/**
 * Takes the devices, in turn with others, watches their memory, lets `use` work with
 * them, and ends every process before it gives them back: then their memory is free.
 *
 * @throws RagError `device_busy`, `model_too_large_for_device`, and whatever `use` throws
 */
export async function withFleet<T>(
  work: StageWork,
  input: PassInput,
  devices: readonly UsableDevice[],
  longest: number,
  use: (fleet: Fleet) => Promise<T>,
): Promise<T> {
  const { settings, model, stage } = input;
  const { key } = model.card;
  const limits = limitsOf(settings.memoryCapBytes);
  const event: Fleet["event"] = (what) => work.recorder.event({ ...what, model: key });
  const owner = `${stage} · ${key}`;
  const members = new Map<string, Member>();
  const latest = new Map<string, Reading>();
  const waiting = new Set<() => void>();

  const onReading = (name: string, reading: Reading) => {
    latest.set(name, reading);
    for (const look of [...waiting]) look();
    const member = members.get(name);
    if (!member || member.device.kind === "cpu") return;
    const { usedBytes } = reading;
    member.saw(usedBytes);
    if (usedBytes < limits.watchdogBytes || member.watchdog !== null || !member.running()) return;
    const seen = `${(usedBytes / 1e9).toFixed(2)} GB were in use`;
    if (usedBytes > limits.capBytes)
      event({ device: name, kind: "violation", rows: 0, length: 0, words: `${seen}, more than the cap` });
    member.watchdog = `${seen}, and the process was ended before the cap of ${(limits.capBytes / 1e9).toFixed(1)} GB`;
    member.kill(member.watchdog);
  };
  /** The next reading of a device that is younger than this call. */
  const readBytes = async (device: UsableDevice): Promise<number | null> => {
    if (device.smi === null) return null;
    const asked = performance.now();
    return new Promise((resolve) => {
      const done = (bytes: number | null) => {
        clearTimeout(timer);
        waiting.delete(look);
        resolve(bytes);
      };
      const look = () => {
        const reading = latest.get(device.name);
        if (reading && reading.at >= asked) done(reading.usedBytes);
      };
      const timer = setTimeout(() => done(null), READING_MS);
      waiting.add(look);
    });
  };

  const sampler = startSampler(devices, { onReading });
  try {
    return await withLeases(
      devices,
      owner,
      { waitSeconds: settings.leaseWaitSeconds, signal: work.signal, read: readBytes, event: work.recorder.lease },
      async () => {
        for (const device of devices) {
          const tuned = device.kind !== "cpu" && settings.tokenBudget === null && !settings.deterministic;
          const remembered: RememberedBudget | null = null;
          members.set(
            device.name,
            openMember({
              device,
              options: {
                model: key,
                onnxFile: model.onnxFile,
                externalData: model.externalData,
                pooling: model.card.pooling,
                normalize: input.normalize,
                threads: settings.threads,
                shape: (model as unknown as { shape: import("../schema/device-types.js").ModelShape }).shape,
                probe: device.kind !== "cpu",
              },
              signal: work.signal,
              maxRows: input.maxRows,
              tokenBudget: settings.tokenBudget ?? CPU_TOKEN_BUDGET,
              timeoutSeconds: device.kind === "cpu" ? null : settings.batchTimeoutSeconds,
              readBytes: () => readBytes(device),
              openBudget: (baseBytes, loadedBytes) =>
                tuned
                  ? openBudget({
                      shape: (model as unknown as { shape: import("../schema/device-types.js").ModelShape }).shape,
                      limits,
                      baseBytes: baseBytes ?? 0,
                      loadedBytes,
                      longest,
                      remembered,
                    })
                  : null,
              started: (pid) => sampler.watch(device.name, pid),
              loading: (load) => work.recorder.timed("load", load),
            }),
          );
        }
        try {
          return await use({ members: [...members.values()], event, memorySample });
        } finally {
          await Promise.all([...members.values()].map((member) => member.end()));
        }
      },
    );
  } finally {
    for (const device of devices) {
      const series = sampler.series(device.name);
      if (series) work.recorder.memory(series);
    }
    sampler.stop();
  }
}

function memorySample(
  { device }: Member,
  { rssBytes, peakRssBytes }: { readonly rssBytes: number; readonly peakRssBytes: number },
): MemorySample | null {
  if (device.kind !== "cpu") return null;
  return {
    source: "resident set of the inference process",
    interval: "at the end of every batch; the peak is the system's own high-water mark",
    capBytes: null,
    bytes: rssBytes,
    peakBytes: peakRssBytes,
  };
}
