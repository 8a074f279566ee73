import { modelsOf, type RunFacts } from "../core/runs.js";
import type { RunSetBy } from "../schema/lineage-types.js";
import type { ModelUse, RunBase, StageName } from "../schema/types.js";

/** What of a stored run says whether it still holds: a fraction of it, since batches and results can be large. */
export interface RunHead {
  readonly stage: StageName;
  readonly id: string;
  readonly inputs: RunBase<StageName>["inputs"];
  readonly settings: Readonly<Record<string, unknown>>;
  readonly setBy: RunSetBy;
  /** The models whose files decide the result, in order. */
  readonly models: readonly ModelUse[];
  /** Dimensions of each model's own vectors, in that order; dense runs only. */
  readonly dims: readonly number[];
}

/** The head of a run. */
export function headOf(run: RunFacts): RunHead {
  const { kind: stage, id, inputs, settings, setBy } = run;
  const dims = run.kind === "dense" ? run.vectors.filter(({ model }) => model !== null).map(({ dim }) => dim) : [];
  return { stage, id, inputs, settings, setBy, models: modelsOf(run), dims };
}

/** Ids of the runs that a run was made from, by stage; documents and queries are none. */
export function inputRuns(inputs: RunHead["inputs"]): [stage: StageName, id: string][] {
  const { corpus: _, queries: __, ...runs } = inputs;
  return Object.entries(runs).flatMap(([stage, ids]) =>
    [ids].flat().map((id): [StageName, string] => [stage as StageName, id]),
  );
}
