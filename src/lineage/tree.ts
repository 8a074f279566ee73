import { isStage, stages } from "../core/journey.js";
import type { LineageNode } from "../schema/lineage-types.js";
import type { RunBase, StageName } from "../schema/types.js";
import type { RunStore } from "../store/runs.js";

/**
 * What a run was made from, down to the documents, as far as the disk has it. A run
 * is made from runs of earlier stages only, so that no file can lead in a circle.
 */
export async function treeOf(
  store: RunStore,
  stage: StageName,
  inputs: RunBase<StageName>["inputs"],
): Promise<LineageNode[]> {
  const nodes: LineageNode[] = [];
  for (const [name, ids] of Object.entries(inputs)) {
    for (const id of [ids].flat()) {
      if (name === "corpus" || name === "queries") nodes.push({ stage: name, id, state: "no_run", inputs: [] });
      else if (isStage(name) && stages.indexOf(name) < stages.indexOf(stage)) nodes.push(await nodeOf(store, name, id));
    }
  }
  return nodes;
}

async function nodeOf(store: RunStore, stage: StageName, id: string): Promise<LineageNode> {
  const run = await store.find(stage, id).catch(() => "damaged" as const);
  if (run === null) return { stage, id, state: "missing", inputs: [] };
  if (run === "damaged") return { stage, id, state: "damaged", inputs: [] };
  return { stage, id, state: "on_disk", inputs: await treeOf(store, stage, run.inputs) };
}
