import type { StageName } from "../schema/types.js";

/** The stages in the order of the journey, and the verb of each one's cell. */
export const verbs: Readonly<Record<StageName, string>> = {
  prime: "primeCache",
  chunk: "chunk",
  dense: "runDense",
  sparse: "runSparse",
  fuse: "fuse",
  rerank: "rerank",
  export: "exportCollection",
};

/** The stages, in the order of the journey. A run is made from runs of earlier stages only. */
export const stages = Object.keys(verbs) as readonly StageName[];

/** Whether a text names a stage of this version. */
export function isStage(name: unknown): name is StageName {
  return typeof name === "string" && Object.hasOwn(verbs, name);
}
