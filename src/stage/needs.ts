import { inputMissing } from "../core/errors.js";
import { verbs } from "../core/journey.js";
import { inputRuns } from "../lineage/head.js";
import type { RunBase, StageName } from "../schema/types.js";
import { diskUsage, requireSpace } from "../store/disk.js";
import type { SessionContext } from "./context.js";
import type { StageInput } from "./work.js";

/** Every run that another is made from is on the session's disk: a run of another session, or one that was removed, is refused before any work. */
export async function requireInputs(context: SessionContext, stage: StageName, inputs: RunBase<StageName>["inputs"]) {
  const runs = inputRuns(inputs);
  for (const [input, id] of runs) {
    if (await context.store.find(input, id)) continue;
    const others = runs.map(([, other]) => other).filter((other) => other !== id);
    throw inputMissing({ stage, input, id, others, session: context.session.name, verb: verbs[input] });
  }
}

/** What an interrupted attempt left counts as written. @throws RagError `disk_too_small` */
export async function requireRoom<K extends StageName>(
  { session, store, care }: SessionContext,
  { stage, space }: StageInput<K>,
  id: string,
): Promise<void> {
  if (!space) return;
  const { bytes, elsewhere } = await space();
  const { folder, way } = elsewhere ?? { folder: session.dir, way: "open the session with a dir on another disk" };
  const written = await diskUsage(store.layout.partialDir(stage, id));
  await requireSpace(folder, bytes - written, `The ${stage} stage`, way, care.quota);
}
