import type { Speed } from "../core/batch-cost.js";
import type { UsableDevice } from "../runtime/devices/types.js";
import { readSimulation } from "../runtime/simulated/devices.js";
import type { DeviceKind } from "../schema/device-types.js";
import { namedSimulations } from "../schema/simulated.js";
import type { SimulatedGpu } from "../schema/simulated-types.js";
import type { SessionContext } from "../stage/context.js";

/** A device that is planned for. */
export interface PlannedDevice {
  readonly kind: DeviceKind;
  readonly product: string;
  /** What its measurements are remembered by, the best first. */
  readonly knownAs: readonly string[];
  readonly memoryBytes: number;
  readonly contextBytes: number;
  readonly memoryFactor: number;
  readonly speed: Speed;
  /** False where the speed is that of another device and only its course is right: it needs a measurement. */
  readonly hasFigures: boolean;
}

/** How a simulated product's name ends. */
const SIMULATED = " (simulated)";

/** A thread of a server's processor with AVX2, in fp32: an estimate, good until a run was measured. */
const CPU_THREAD: Speed = { flops: 150e9, halfTokens: 20, launchSeconds: 0.0005 };

/** The devices that a plan is for: those that a simulation names, or the session's own. @throws RagError `bad_simulation`, `device_not_usable` */
export async function plannedDevices(context: SessionContext, simulation?: string): Promise<readonly PlannedDevice[]> {
  if (simulation !== undefined) return (await readSimulation(simulation)).gpus.map(ofSimulation);
  const { threads } = context.session.settings;
  return (await context.devices()).map((device) =>
    device.provider.kind === "simulated" ? ofSimulation(device.provider.gpu) : ofMachine(device, threads),
  );
}

function ofSimulation(gpu: SimulatedGpu): PlannedDevice {
  const { product, memoryBytes, contextBytes, memoryFactor } = gpu;
  const real = product.endsWith(SIMULATED) ? [product.slice(0, -SIMULATED.length)] : [];
  return {
    kind: "simulated",
    product,
    knownAs: [...real, product],
    memoryBytes,
    contextBytes,
    memoryFactor,
    speed: gpu,
    hasFigures: true,
  };
}

function ofMachine({ kind, product, memoryBytes }: UsableDevice, threads: number): PlannedDevice {
  const t4 = namedSimulations.get("t4")?.gpus[0] as SimulatedGpu;
  const cpu = kind === "cpu";
  return {
    kind,
    product,
    knownAs: [product],
    memoryBytes: memoryBytes ?? Number.POSITIVE_INFINITY,
    contextBytes: cpu ? 0 : t4.contextBytes,
    memoryFactor: 1,
    speed: cpu ? { ...CPU_THREAD, flops: CPU_THREAD.flops * threads } : t4,
    hasFigures: cpu || `${product}${SIMULATED}` === t4.product,
  };
}
