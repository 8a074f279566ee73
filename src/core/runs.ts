import type { AnyRun, ModelUse, RunOf, StageName } from "../schema/types.js";

/** A run without what depends on who asks. */
export type RunFacts<K extends StageName = StageName> = K extends StageName
  ? Omit<RunOf[K], "dir" | "reused" | "session">
  : never;

/** The models whose files decide a run's result, in order. */
export function modelsOf(run: AnyRun | RunFacts): readonly ModelUse[] {
  if (run.kind === "prime") return run.models.map((primed) => primed.model);
  if (run.kind === "chunk") return run.models;
  if (run.kind === "dense" || run.kind === "sparse") return run.vectors.flatMap((vectors) => vectors.model ?? []);
  return run.kind === "rerank" ? [run.model] : [];
}

/** How much a run holds: models, chunks, vectors, queries, query and candidate pairs, or points. */
export function rowsOf(run: AnyRun | RunFacts): number {
  switch (run.kind) {
    case "prime":
      return run.models.length;
    case "chunk":
    case "dense":
    case "sparse":
      return run.count;
    case "fuse":
      return run.results.length;
    case "rerank":
      return run.pairs;
    case "export":
      return run.points;
  }
}
