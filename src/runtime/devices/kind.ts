import { readdirSync } from "node:fs";
import type { DeviceKind } from "../../schema/device-types.js";
import type { Settings } from "../../schema/settings-types.js";
import type { Env } from "./tool.js";

/**
 * What kind of device a session computes on, from its settings and a glance at the machine:
 * whether it can be used is found out when a stage needs it.
 *
 * @param devices the folder of device files
 */
export function deviceKindOf(device: Settings["device"], env: Env, devices = "/dev"): DeviceKind {
  return device === "auto" ? (hasGpu(env, devices) ? "cuda" : "cpu") : device;
}

/** Whether NVIDIA's driver has made a device file here, and CUDA_VISIBLE_DEVICES does not hide it. */
function hasGpu(env: Env, devices: string): boolean {
  const visible = env["CUDA_VISIBLE_DEVICES"];
  return (visible === undefined || /^\s*(\d|GPU-|MIG-)/.test(visible)) && machineHasGpu(devices);
}

/** Whether NVIDIA's driver has made a device file here: a container may be given any of a machine's GPUs, and not the first. */
export function machineHasGpu(devices = "/dev"): boolean {
  try {
    return readdirSync(devices).some((name) => /^nvidia\d+$/.test(name));
  } catch {
    return false;
  }
}
