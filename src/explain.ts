import { wrongRun } from "./core/errors.js";
import { isStage } from "./core/journey.js";
import { modelsOf } from "./core/runs.js";
import { byDefault } from "./lineage/set-by.js";
import { treeOf } from "./lineage/tree.js";
import type { RunExplanation, SetBy, SkipExplanation, StageStanding } from "./schema/lineage-types.js";
import type { AnyRun, Skipped } from "./schema/types.js";
import { contextIn } from "./stage/context.js";
import { withCard } from "./stage/present.js";
import { sessionDirOf } from "./store/layout.js";
import { type HistoryEntry, openRunStore } from "./store/runs.js";

/**
 * Where a result came from: when and how it was made, its settings and who set each,
 * its models, the runs it was made from down to the documents, what was not computed
 * again, and whether it still holds. Of a stage that is off, who switched it off.
 * Nothing is computed and no model file is read.
 *
 * @param run of this kernel, or from `latest`
 * @throws RagError `wrong_run`, `store_unreadable`
 */
export async function explain(run: AnyRun): Promise<RunExplanation>;
export async function explain(run: AnyRun | Skipped): Promise<RunExplanation | SkipExplanation>;
export async function explain(run: AnyRun | Skipped): Promise<RunExplanation | SkipExplanation> {
  if (run?.kind === "skipped") return withCard(explainSkip(run));
  if (!isRun(run)) throw wrongRun("a run, or a stage that is off", run, "a stage");
  const { kind: stage, id, session, dir } = run;
  const folder = sessionDirOf(dir);
  const store = openRunStore(folder);
  const history = (await store.history()).filter((entry) => entry.stage === stage);
  const calls = history.filter((entry) => entry.id === id);
  const made = calls.findLast(({ outcome }) => outcome !== "reused");
  const last = history.at(-1)?.id ?? id;
  const vectors = run.kind === "dense" || run.kind === "sparse" ? keptVectors(run.vectors) : null;
  return withCard({
    kind: "explanation",
    stage,
    id,
    session,
    dir,
    onDisk: (await store.find(stage, id).catch(() => null)) !== null,
    made: {
      outcome: run.resumedBatches > 0 ? "resumed" : "computed",
      at: run.telemetry.finishedAt,
      seconds: run.telemetry.seconds,
      why: made?.why ?? "",
    },
    calls: { computed: ended(calls, "computed"), resumed: ended(calls, "resumed"), reused: reusedSince(calls) },
    reused: { batches: run.resumedBatches, vectors },
    settings: Object.entries(run.settings).map(([name, value]) => ({
      name,
      value,
      setBy: run.setBy.settings[name] ?? byDefault,
    })),
    models: modelsOf(run).map((model) => ({ model, setBy: run.setBy.models[model.key] ?? byDefault })),
    inputs: await treeOf(store, stage, run.inputs),
    notes: run.notes,
    standing: await standingNow(folder, run),
    newer: last === id ? null : last,
  });
}

function isRun(run: AnyRun): boolean {
  return isStage(run?.kind) && typeof run.id === "string" && typeof run.dir === "string";
}

/** Who switched a stage off. */
function explainSkip({ stage, source }: Skipped): SkipExplanation {
  const setting = stage === "sparse" ? "enableSparse" : "enableRerank";
  const setBy: SetBy = { source, settings: [setting] };
  return { kind: "skip_explanation", stage, setting, setBy };
}

/** How the run stands, by the session that is open on its folder. */
async function standingNow(folder: string, run: AnyRun): Promise<StageStanding | null> {
  const standings = await contextIn(folder)?.lineage.standings({ run });
  return standings?.stages.find(({ stage }) => stage === run.kind) ?? null;
}

function ended(calls: readonly HistoryEntry[], outcome: HistoryEntry["outcome"]): number {
  return calls.filter((call) => call.outcome === outcome).length;
}

/** Reuses behind the last time that it was made. */
function reusedSince(calls: readonly HistoryEntry[]): number {
  return calls.length - 1 - calls.findLastIndex(({ outcome }) => outcome !== "reused");
}

/** Vectors that were taken from those kept, where the run counts them. */
function keptVectors(vectors: readonly object[]): number | null {
  const counts = vectors.flatMap((kept: { readonly reused?: number }) => kept.reused ?? []);
  return counts.length === 0 ? null : counts.reduce((sum, n) => sum + n, 0);
}
