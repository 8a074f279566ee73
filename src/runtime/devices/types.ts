import type { Device } from "../../schema/device-types.js";
import type { SimulatedGpu } from "../../schema/simulated-types.js";

/** What computes in an inference process. */
export type Provider =
  | { readonly kind: "cpu" }
  /** Always the first visible GPU: each process sees one only. */
  | { readonly kind: "cuda" }
  | { readonly kind: "webgpu" }
  | { readonly kind: "simulated"; readonly index: number; readonly gpu: SimulatedGpu; readonly stateDir: string };

/** How a device's memory and use are read. */
export interface NvidiaSmi {
  /** The command: `nvidia-smi`, or the absolute path of a stand-in. */
  readonly command: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A device that was looked at and can be used. */
export interface UsableDevice extends Device {
  readonly provider: Provider;
  /** What its inference process's environment has beyond ours, such as the library path and the visible GPU. */
  readonly env: Readonly<Record<string, string>>;
  /** Null for devices that nvidia-smi does not know. */
  readonly smi: NvidiaSmi | null;
}

/** The processor: always there, and its memory is the machine's. */
export const CPU: UsableDevice = {
  kind: "cpu",
  name: "cpu",
  product: "CPU",
  index: null,
  uuid: null,
  memoryBytes: null,
  computeCapability: null,
  provider: { kind: "cpu" },
  env: {},
  smi: null,
};
