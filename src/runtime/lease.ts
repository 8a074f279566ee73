import { setTimeout as sleep } from "node:timers/promises";
import { deviceBusy, stopped } from "../core/errors.js";
import type { LeaseEvent } from "../schema/device-types.js";
import type { UsableDevice } from "./devices/types.js";
import { joinQueue, type Place } from "./lease-queue.js";

/** How leases are waited for. */
export interface LeaseOptions {
  /** Longest time to wait for all devices together. */
  readonly waitSeconds: number;
  readonly signal?: AbortSignal | undefined;
  /** Bytes used on a device now; null where nothing tells. */
  readonly read: (device: UsableDevice) => number | null | Promise<number | null>;
}

const POLL_MS = 50;
/** Memory of a process that has just ended may take a moment to be counted as free. */
const SETTLE_MS = 1000;

/**
 * Does work while this process alone has the devices, over all sessions and kernels of this user on the machine. Others
 * wait in the order in which they came. Devices are taken in one order everywhere, so
 * that two that want the same ones can't each hold what the other waits for. They are given back whatever happens: when
 * the work has failed, when this process exits, and when it is killed.
 *
 * The processor needs no lease: the system shares it out, and its memory is not ours to cap.
 *
 * @param owner who has it, for others that wait: stage and model
 * @returns what the work gives, and the leases in the order of the devices
 * @throws RagError `device_busy`, `stopped`, `lease_folder_unfit`, and what the work throws
 */
export async function withLeases<T>(
  devices: readonly UsableDevice[],
  owner: string,
  options: LeaseOptions,
  work: () => Promise<T>,
): Promise<{ readonly value: T; readonly leases: readonly LeaseEvent[] }> {
  const leased = devices.filter(({ kind }) => kind !== "cpu");
  const places: Place[] = [];
  try {
    const waited = new Map<string, number>();
    const start = performance.now();
    for (const device of [...leased].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))) {
      const from = performance.now();
      const place = joinQueue(keyOf(device), owner);
      places.push(place);
      await turn(place, device, start, options);
      waited.set(device.name, (performance.now() - from) / 1000);
    }
    const had = performance.now();
    const before = await Promise.all(leased.map(options.read));
    const value = await work();
    const after = await Promise.all(leased.map((device, i) => settled(device, before[i] ?? null, options.read)));
    const heldSeconds = (performance.now() - had) / 1000;
    const leases = leased.map((device, i) => ({
      device: device.name,
      owner,
      waitedSeconds: waited.get(device.name) ?? 0,
      heldSeconds,
      beforeBytes: before[i] ?? null,
      afterBytes: after[i] ?? null,
    }));
    return { value, leases };
  } finally {
    for (const place of places) place.leave();
  }
}

/** What a device is called in the queue: by its own number where it has one, as names count from 0 in every process. */
function keyOf({ uuid, name }: UsableDevice): string {
  return uuid ?? name;
}

/** Waits until a place is the first. @throws RagError `device_busy`, `stopped` */
async function turn(place: Place, device: UsableDevice, start: number, options: LeaseOptions): Promise<void> {
  const { signal, waitSeconds } = options;
  for (;;) {
    if (signal?.aborted) throw stopped(`while waiting for the device ${device.name}`);
    const holder = place.before();
    if (!holder) return;
    const seconds = (performance.now() - start) / 1000;
    if (seconds >= waitSeconds) throw deviceBusy(device.name, holder, seconds);
    await sleep(Math.min(POLL_MS, 1000 * (waitSeconds - seconds) + 1), undefined, { signal }).catch(() => {});
  }
}

/** Bytes used once those of the work are free again, or a moment has passed. */
async function settled(
  device: UsableDevice,
  before: number | null,
  read: LeaseOptions["read"],
): Promise<number | null> {
  const until = performance.now() + SETTLE_MS;
  for (;;) {
    const bytes = await read(device);
    if (bytes === null || before === null || bytes <= before || performance.now() > until) return bytes;
    await sleep(2 * POLL_MS);
  }
}
