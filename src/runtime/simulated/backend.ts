import type { Backend, EncoderOptions } from "../types.js";

/** A model on a simulated device; see {@link ../../schema/simulated-types.js}. */
export async function openSimulatedBackend(options: EncoderOptions): Promise<Backend> {
  throw new RangeError(`no simulation of ${options.provider.kind} devices yet`);
}
