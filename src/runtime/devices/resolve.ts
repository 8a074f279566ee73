import { deviceNotUsable } from "../../core/errors.js";
import type { Settings } from "../../schema/settings-types.js";
import { simulatedDevices } from "../simulated/devices.js";
import { type CudaLook, cudaChecks, cudaDevices, lookAtCuda } from "./cuda.js";
import { deviceKindOf } from "./kind.js";
import type { Env } from "./tool.js";
import { CPU, type UsableDevice } from "./types.js";

/** What decides which devices a session computes on. */
export type DeviceSettings = Pick<Settings, "device" | "gpus" | "memoryCapBytes" | "simulation">;

/** A process with WebGPU takes the adapter that its runtime chooses; it is proven when a model is loaded. */
const WEBGPU: UsableDevice = {
  ...CPU,
  kind: "webgpu",
  name: "webgpu",
  product: "WebGPU adapter",
  provider: { kind: "webgpu" },
};

/**
 * The devices that the settings name, looked at. `auto` takes the GPUs of a machine that
 * has some, and never the CPU in their place.
 *
 * @throws RagError `device_not_usable` for a device that was asked for, or is there, and can't be used
 */
export async function usableDevices(settings: DeviceSettings, env: Env): Promise<readonly UsableDevice[]> {
  switch (deviceKindOf(settings.device, env)) {
    case "cpu":
      return [CPU];
    case "webgpu":
      return [WEBGPU];
    case "simulated":
      return chosen(await simulatedDevices(settings), settings);
    case "cuda":
      return usableGpus(await lookAtCuda(env), settings);
  }
}

/** The GPUs of a look, where nothing stands in their way. @throws RagError `device_not_usable` */
export function usableGpus(look: CudaLook, settings: DeviceSettings): readonly UsableDevice[] {
  const wrong = cudaChecks(look, settings).find(({ verdict }) => verdict === "missing");
  if (wrong) throw deviceNotUsable(settings.device, `${wrong.name}: ${wrong.said}`, wrong.remedy ?? "");
  return cudaDevices(look, settings);
}

/** The simulated GPUs that the settings number. @throws RagError `device_not_usable` for a number that none has */
function chosen(all: readonly UsableDevice[], { device, gpus }: DeviceSettings): readonly UsableDevice[] {
  const absent = gpus?.filter((number) => number >= all.length) ?? [];
  if (absent.length > 0)
    throw deviceNotUsable(
      device,
      `gpus names ${absent.join(", ")}, and the simulation has ${all.map(({ index }) => index).join(", ")}`,
      "Correct the setting",
    );
  return gpus === null ? all : all.filter((_, number) => gpus.includes(number));
}
