import { verbs } from "../../dist/core/journey.js";
import type { RunExplanation, StageStanding, StaleReason, StaleReport } from "../../dist/schema/lineage-types.js";
import type { StageName } from "../../dist/schema/types.js";
import { modelUse, rerankRun } from "./sample-runs.ts";

const standing = (
  stage: StageName,
  state: StageStanding["state"],
  reasons: readonly StaleReason[] = [],
  remarks: readonly string[] = [],
): StageStanding => ({
  stage,
  cell: verbs[stage],
  state,
  id: state === "never_run" || state === "off" ? null : `${stage}-3f0d7c1f9f7c6f2e`,
  reasons,
  remarks,
});
const behind = (...stages: StageName[]): StaleReason => ({
  cause: "upstream",
  words: `made from ${stages.map((stage) => verbs[stage]).join(", ")}`,
  stages,
});

/** A session in which documents and a setting changed, and a model was not read yet. */
export function standings(): StageStanding[] {
  return [
    standing(
      "prime",
      "unknown",
      [],
      ["the files of bge-m3 were not read in this kernel yet: primeCache(session) reads them"],
    ),
    standing("chunk", "stale", [
      {
        cause: "documents",
        words: "guide/tables.md, how-to/attach-a-model-cache.md, start-here.md and 4 more changed; release.md added",
        changed: ["guide/tables.md"],
        added: ["release.md"],
        removed: [],
      },
    ]),
    standing("dense", "stale", [
      { cause: "setting", words: "dim: not set → 64", name: "dim", from: null, to: 64 },
      behind("chunk"),
    ]),
    standing("sparse", "stale", [behind("chunk")]),
    standing("fuse", "stale", [behind("chunk", "dense", "sparse")]),
    standing("rerank", "off", [], ["switched off: enableRerank, set by env"]),
    standing("export", "never_run"),
  ];
}

export function staleReport(): StaleReport {
  const stages = standings();
  const rerun = stages.filter(({ state }) => state === "stale").map(({ cell }) => cell);
  return { kind: "stale_report", session: "sample", stages, rerun };
}

export function explanation(): RunExplanation {
  const chunk = {
    stage: "chunk" as const,
    id: "chunk-947366ba7fcc0baf",
    state: "on_disk" as const,
    inputs: [{ stage: "corpus" as const, id: "corpus-49e26f2f2db3bcfd", state: "no_run" as const, inputs: [] }],
  };
  const dense = { stage: "dense" as const, id: "dense-bc1e37e202c48080", state: "missing" as const, inputs: [chunk] };
  const sparse = { ...dense, stage: "sparse" as const, id: "sparse-d382f0ac9025823b", state: "on_disk" as const };
  const queries = { stage: "queries" as const, id: "queries-895a583a153940c5", state: "no_run" as const, inputs: [] };
  const setBy = (source: string, ...settings: string[]) => ({ source, settings });
  return {
    kind: "explanation",
    stage: "rerank",
    id: rerankRun().id,
    session: "sample",
    dir: "out/sample/runs/rerank/rerank-bb11ea65e0512d72",
    onDisk: true,
    made: { outcome: "resumed", at: "2026-11-20T19:39:27.000Z", seconds: 4.6, why: "other topK" },
    calls: { computed: 0, resumed: 1, reused: 3 },
    reused: { batches: 12, vectors: 380 },
    settings: [
      { name: "candidates", value: 100, setBy: setBy("config:config/embedder.json", "rerankCandidates") },
      { name: "topK", value: 3, setBy: setBy("call") },
      { name: "queryPrefix", value: "", setBy: setBy("model") },
    ],
    models: [
      {
        model: modelUse("sample-cross-encoder", { documentPrefix: "passage: " }),
        setBy: setBy("env", "rerank", "enableRerank"),
      },
    ],
    inputs: [
      { stage: "fuse", id: "fuse-af9cb149afb1a0e6", state: "on_disk", inputs: [chunk, dense, sparse, queries] },
      chunk,
    ],
    notes: [],
    standing: standings()[4] ?? null,
    newer: "rerank-0000000000000000",
  };
}
