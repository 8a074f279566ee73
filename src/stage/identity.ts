import { readSimulation } from "../runtime/simulated/devices.js";
import type { LocatedModel } from "../schema/model-types.js";
import type { SessionContext } from "./context.js";

/**
 * What of its devices a run is told apart by. Vectors of simulated GPUs may be drawn from a hash, and must never
 * pass for real ones; and who asks for a plan that stands before the pass gets no run whose batches were found on the way.
 * Otherwise a run is the same wherever it was computed.
 */
export async function deviceIdentity({ deviceKind, session }: SessionContext, models: readonly LocatedModel[]) {
  const { simulation, deterministic } = session.settings;
  if (models.length === 0 || deviceKind === "cpu") return {};
  return {
    ...(deviceKind === "simulated" && { simulation: await readSimulation(simulation) }),
    ...(deterministic && { plan: "fixed" }),
  };
}

/** What of a model decides the vectors of documents. A query's prefix is a setting of the stages that read queries. */
export function identityOf({ card, fingerprint, dtype, maxTokens }: LocatedModel): readonly unknown[] {
  return [card.key, fingerprint, dtype, maxTokens, card.pooling, card.documentPrefix];
}
