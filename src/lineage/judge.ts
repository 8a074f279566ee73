import { stages, verbs } from "../core/journey.js";
import type { StageStanding, StaleReason } from "../schema/lineage-types.js";
import type { StageName } from "../schema/types.js";
import { documentReason } from "./documents.js";
import type { Facts } from "./facts.js";
import { inputRuns, type RunHead } from "./head.js";
import { modelReasons } from "./models.js";
import { settingReasons } from "./settings.js";

/** How the last run of every stage stands, in the order of the journey. Fresh is only what is known to be. */
export function judge(facts: Facts): StageStanding[] {
  const done = new Map<StageName, StageStanding>();
  for (const stage of stages) done.set(stage, standingOf(stage, facts, done));
  return [...done.values()];
}

function standingOf(stage: StageName, facts: Facts, before: ReadonlyMap<StageName, StageStanding>): StageStanding {
  const run = facts.runs.get(stage);
  const base = { stage, cell: verbs[stage], id: null, reasons: [], remarks: [] };
  const toggle = toggleOf(stage);
  if (toggle && !facts.settings[toggle])
    return { ...base, state: "off", remarks: [`switched off: ${toggle}, set by ${facts.provenance[toggle].source}`] };
  if (run === undefined) return { ...base, state: "never_run" };
  if (run === "removed") return { ...base, state: "never_run", remarks: ["its runs were removed"] };
  if (run === "damaged") return { ...base, state: "unknown", remarks: ["its last run can't be read"] };

  const models = modelReasons(run, facts);
  const inputs = inputReasons(run, facts, before);
  const documents = stage !== "chunk" ? null : facts.documents;
  const reasons: StaleReason[] = [
    ...(documents && "changed" in documents ? documentReason(documents) : []),
    ...settingReasons(run, facts),
    ...models.reasons,
    ...inputs.reasons,
  ];
  const remarks = [
    ...(documents && "unknown" in documents ? [documents.unknown] : []),
    ...(documents && "unread" in documents && documents.unread > 0
      ? [`${documents.unread} of its documents look other than they did and were not read again yet`]
      : []),
    ...(models.unseen.length > 0
      ? [`the files of ${models.unseen.join(", ")} were not read in this kernel yet: primeCache(session) reads them`]
      : []),
    ...inputs.remarks,
  ];
  const state = reasons.length > 0 ? "stale" : remarks.length > 0 ? "unknown" : "fresh";
  return { ...base, state, id: run.id, reasons, remarks };
}

function toggleOf(stage: StageName): "enableSparse" | "enableRerank" | null {
  if (stage === "sparse") return "enableSparse";
  return stage === "rerank" ? "enableRerank" : null;
}

/** What is wrong with the runs a run was made from: another one took its place, it is stale itself, or it can't be looked at. */
function inputReasons(run: RunHead, facts: Facts, before: ReadonlyMap<StageName, StageStanding>) {
  const reasons: StaleReason[] = [];
  const remarks: string[] = [];
  const stale: StageName[] = [];
  const unknown: StageName[] = [];
  for (const [stage, id] of inputRuns(run.inputs)) {
    const last = facts.runs.get(stage);
    const standing = before.get(stage);
    const toggle = toggleOf(stage);
    if (standing?.state === "off" && toggle) {
      reasons.push({ cause: "setting", words: `the ${stage} stage is off now`, name: toggle, from: true, to: false });
    } else if (typeof last !== "object") {
      remarks.push(`its ${stage} run ${id} is not on this disk`);
    } else if (last.id !== id) {
      reasons.push({
        cause: "input",
        words: `${stage} run ${id} → ${last.id}`,
        stage,
        from: id,
        to: last.id,
      });
    } else if (standing?.state === "stale") {
      stale.push(stage);
    } else if (standing?.state === "unknown") {
      unknown.push(stage);
    }
  }
  const cells = (of: readonly StageName[]) => of.map((stage) => verbs[stage]).join(", ");
  if (stale.length > 0) reasons.push({ cause: "upstream", words: `made from ${cells(stale)}`, stages: stale });
  if (unknown.length > 0) remarks.push(`made from ${cells(unknown)}, of which it is not known`);
  return { reasons, remarks };
}
