import { type LiveTimeline, liveDevices, newTimeline } from "../charts/live-devices.js";
import { stopped } from "../core/errors.js";
import { contentId } from "../core/hash.js";
import { type RunFacts, rowsOf } from "../core/runs.js";
import { WHY_REUSED } from "../lineage/why.js";
import type { DocumentSources } from "../schema/sources-file.js";
import type { Note, RunOf, StageName } from "../schema/types.js";
import { budgetsIn } from "../store/budgets.js";
import type { HistoryEntry, StoredRun } from "../store/runs.js";
import { startRecorder } from "../telemetry/recorder.js";
import type { Session, SessionContext } from "./context.js";
import { withinSession } from "./end.js";
import { deviceIdentity, identityOf } from "./identity.js";
import { requireInputs, requireRoom } from "./needs.js";
import { present } from "./present.js";
import type { StageInput } from "./work.js";

/** What the live charts of each session have shown so far. */
const timelines = new WeakMap<Session, LiveTimeline>();

function timelineOf(session: Session): LiveTimeline {
  const timeline = timelines.get(session) ?? newTimeline();
  timelines.set(session, timeline);
  return timeline;
}

/**
 * What all stages share: names the run by its content, returns the stored one if
 * there is one, else does the work under Stop, commits it, and prepares its card.
 *
 * @throws RagError `stage_busy`, `disk_too_small`, `session_ending`, `stopped`, and whatever the work throws
 */
export async function runStage<K extends StageName, S extends Readonly<Record<string, unknown>>>(
  context: SessionContext,
  input: StageInput<K, S>,
): Promise<RunOf[K]> {
  const { stage, version, inputs, settings, setBy } = input;
  const models = input.models.map(identityOf);
  const id = contentId(stage, { version, inputs, settings, models, ...(await deviceIdentity(context, input.models)) });
  const stored = input.rerun ? null : await context.store.find(stage, id);
  if (stored) {
    await finish(context, stored, { outcome: "reused", why: WHY_REUSED, seconds: 0 }, input.sources);
    return present(context, stage, stored, true, input.inMemory);
  }
  return withinSession(context, stage, async (tools, end) => {
    const { signal } = tools;
    await requireInputs(context, stage, inputs);
    await requireRoom(context, input, id);
    const recorder = startRecorder(input.began);
    const dir = await context.store.begin(stage, id, input.rerun);
    const notes: Note[] = [];
    let resumedBatches = 0;
    /** Looked at once a stage: several models, and several passes over queries, use the same. */
    let devices: ReturnType<SessionContext["devices"]> | null = null;
    const result = await input.work({
      ...tools,
      id,
      dir,
      recorder,
      deviceKind: context.deviceKind,
      devices: () => {
        devices ??= context.devices();
        return devices;
      },
      live: (options) => liveDevices(options, timelineOf(context.session)),
      budgets: budgetsIn(context.store.layout),
      note: (code, message, count) => notes.push(count === undefined ? { code, message } : { code, message, count }),
      resumed: (batches) => {
        resumedBatches += batches;
      },
      due: end.due,
    });
    if (signal.aborted) throw stopped(`in the ${stage} stage`);
    const run = {
      kind: stage,
      id,
      resumedBatches,
      inputs,
      settings,
      setBy,
      notes,
      telemetry: recorder.finish(),
      ...result,
    } as unknown as StoredRun<K>;
    const why =
      input.because ?? (input.rerun ? "asked to compute again" : await context.lineage.why(run).catch(() => ""));
    await context.store.commit(stage, id, run);
    const outcome = resumedBatches > 0 ? "resumed" : "computed";
    await finish(context, run, { outcome, why, seconds: run.telemetry.seconds }, input.sources);
    return present(context, stage, run, false, input.inMemory);
  });
}

/** What is kept of a call once its result is safe. Where documents were read is not worth failing for: without it, `stale` says that it can't know. */
async function finish(
  { store, lineage }: SessionContext,
  run: RunFacts,
  call: Pick<HistoryEntry, "outcome" | "why" | "seconds">,
  sources: DocumentSources | undefined,
): Promise<void> {
  const { kind: stage, id } = run;
  if (sources) await lineage.keepSources(id, sources).catch(() => {});
  await store.log({ stage, id, at: new Date().toISOString(), ...call, rows: rowsOf(run) });
}
