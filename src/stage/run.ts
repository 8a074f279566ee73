import { existsSync } from "node:fs";
import type { Care } from "../care/care.js";
import { isDue, type PassProgress, type SessionEnd, watchEnd } from "../care/end.js";
import { cardOf, type Showable } from "../charts/card.js";
import { withLeft } from "../charts/card-left.js";
import { sessionCard } from "../charts/card-session.js";
import { withMarks, withoutMarks } from "../charts/card-stale.js";
import type { Card } from "../charts/card-types.js";
import {
  type LiveDevices,
  type LiveOptions,
  type LiveTimeline,
  liveDevices,
  newTimeline,
} from "../charts/live-devices.js";
import { liveCard, prepareCard } from "../charts/present.js";
import { type Progress, type ProgressOptions, progress } from "../charts/progress.js";
import {
  badOption,
  inputMissing,
  notASession,
  RagError,
  sessionClosed,
  sessionEnding,
  stageBusy,
  stopped,
} from "../core/errors.js";
import { contentId } from "../core/hash.js";
import { verbs } from "../core/journey.js";
import { type RunFacts, rowsOf } from "../core/runs.js";
import { inputRuns } from "../lineage/head.js";
import type { Lineage } from "../lineage/open.js";
import { WHY_REUSED } from "../lineage/why.js";
import type { Env } from "../runtime/devices/tool.js";
import type { UsableDevice } from "../runtime/devices/types.js";
import { readSimulation } from "../runtime/simulated/devices.js";
import { stopSignal } from "../runtime/stop.js";
import type { DeviceKind } from "../schema/device-types.js";
import type { SetBy } from "../schema/lineage-types.js";
import type { LocatedModel, ModelCard, ModelRole } from "../schema/model-types.js";
import type { SessionPack } from "../schema/session-pack-types.js";
import type { Provenance, Settings } from "../schema/settings-types.js";
import type { DocumentSources } from "../schema/sources-file.js";
import type { AnyRun, ModelUse, Note, QuerySet, RunBase, RunOf, Skipped, StageName } from "../schema/types.js";
import { type BudgetKeeper, budgetsIn } from "../store/budgets.js";
import { diskUsage, requireSpace } from "../store/disk.js";
import { sessionDirOf } from "../store/layout.js";
import type { HistoryEntry, RunStore, StoredRun } from "../store/runs.js";
import { type Recorder, startRecorder } from "../telemetry/recorder.js";

/** An open session: the folder that holds its runs, and its settings. */
export interface Session {
  readonly kind: "session";
  readonly name: string;
  /** The session's folder, absolute. */
  readonly dir: string;
  readonly settings: Settings;
  /** Who set each setting. */
  readonly provenance: Provenance;
  /** Releases the session's lock. Runs stay on disk. */
  close(): void;
}

/** What stages see of a session. Made by `openSession`, kept out of the operator's sight. */
export interface SessionContext {
  readonly session: Session;
  readonly store: RunStore;
  readonly lineage: Lineage;
  /** The process's environment, as it was when the session was opened. */
  readonly env: Env;
  /** Kind of device that the session computes on, by its settings and a glance at the machine. */
  readonly deviceKind: DeviceKind;
  /** The session's devices, looked at anew with each call. @throws RagError `device_not_usable` */
  devices(): Promise<readonly UsableDevice[]>;
  /** Finds models on disk; one error names everything that is missing. */
  locate(keys: readonly { readonly key: string; readonly role: ModelRole }[]): Promise<readonly LocatedModel[]>;
  /** A registry row. @throws RagError `unknown_model` */
  card(key: string, role: ModelRole): ModelCard;
  readonly care: Care;
  /** Packs the session for the next one. */
  checkpoint(): Promise<SessionPack>;
  /** The last checkpoint, until a stage computes again. */
  packed: SessionPack | null;
  closed: boolean;
}

/** What the live charts of each session have shown so far. */
const timelines = new WeakMap<Session, LiveTimeline>();

function timelineOf(session: Session): LiveTimeline {
  const timeline = timelines.get(session) ?? newTimeline();
  timelines.set(session, timeline);
  return timeline;
}

const contexts = new WeakMap<object, SessionContext>();

/** Most time that a card may spend on reading documents that look other than they did. */
const CARD_MS = 25;

/** The session that was opened last in a folder. */
const inFolder = new Map<string, SessionContext>();

/** What has a session's folder to itself while it works. */
export type Work = StageName | "removal" | "pack" | "parity";

/** What works in a session's folder now. By folder: a cell that opens the session again gets another object for it. */
const running = new Map<string, Work>();

/** Ties a session to its context. Called once, by `openSession`. */
export function bindContext(context: SessionContext): void {
  contexts.set(context.session, context);
  inFolder.set(context.session.dir, context);
}

/** The open session of a folder, the last one where it was opened several times; null where this kernel has none. */
export function contextIn(dir: string): SessionContext | null {
  const context = inFolder.get(dir);
  return context && !context.closed ? context : null;
}

/** The context behind a session. @throws RagError `not_a_session`, `session_closed` */
export function contextOf(session: Session): SessionContext {
  const context = typeof session === "object" && session !== null ? contexts.get(session) : undefined;
  if (!context) throw notASession(session);
  if (context.closed) throw sessionClosed(context.session.name);
  return context;
}

/** What work that can be stopped is given. */
export interface Stoppable {
  /** Aborts when the operator presses Stop. */
  readonly signal: AbortSignal;
  progress(options: ProgressOptions): Progress;
}

/** What a stage's work is given. */
export interface StageWork extends Stoppable {
  /** The run's id. */
  readonly id: string;
  /** The folder of the run in the making. */
  readonly dir: string;
  readonly recorder: Recorder;
  /** Kind of device that the session computes on. */
  readonly deviceKind: DeviceKind;
  /** Its devices, looked at. @throws RagError `device_not_usable` */
  devices(): Promise<readonly UsableDevice[]>;
  /** What earlier passes found about their batches, kept in the session's folder. */
  readonly budgets: BudgetKeeper;
  /** Shows devices at work in the cell. */
  live(options: LiveOptions): LiveDevices;
  note(code: string, message: string, count?: number): void;
  /** Counts batches taken over from an interrupted attempt. */
  resumed(batches: number): void;
  /** Asked between two batches, when all that was computed is durable: whether no other may begin, since the session ends. */
  due(progress: PassProgress): boolean;
}

/** Room on a disk that a stage needs. */
export interface SpaceNeed {
  readonly bytes: number;
  /** Where, if not in the session's folder, and how the operator names another. */
  readonly elsewhere?: { readonly folder: string; readonly way: string };
}

/** What identifies a run, and how it is made. */
export interface StageInput<
  K extends StageName,
  S extends Readonly<Record<string, unknown>> = Readonly<Record<string, unknown>>,
> {
  readonly stage: K;
  /** Raised whenever the stage's code would give other results for the same input. */
  readonly version: number;
  readonly inputs: RunBase<K>["inputs"];
  /** Settings that decide the result; all of them enter the run's id. */
  readonly settings: S;
  readonly models: readonly LocatedModel[];
  /** Who set each of the settings, and who named the models: by key. */
  readonly setBy: {
    readonly settings: { readonly [name in keyof S]: SetBy };
    readonly models: Readonly<Record<string, SetBy>>;
  };
  readonly rerun: boolean;
  /** Why a run that is stored is made again, where no one asked for it. */
  readonly because?: string;
  /** Where documents were read: kept on this machine, beside the history, and in no run. */
  readonly sources?: DocumentSources;
  /** When the verb was called, by `performance.now()`, where it works before its run has an id, such as hashing files. */
  readonly began?: number;
  /** What the run carries in this kernel only and is never stored, such as the text of queries. */
  readonly inMemory?: Partial<RunOf[K]>;
  /** What the work will write, at most; asked only where the run is not stored. Absent where it is next to nothing. */
  readonly space?: () => SpaceNeed | Promise<SpaceNeed>;
  readonly work: (work: StageWork) => Promise<Omit<StoredRun<K>, keyof RunBase<K>>>;
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

/**
 * Does a stage's work under Stop, while the session has time for it. Near its end the work is
 * stopped, or not begun, the session is packed, and the call fails with how to go on.
 *
 * @throws RagError `stage_busy`, `session_ending`, `stopped`, and whatever the work throws
 */
async function withinSession<T>(
  context: SessionContext,
  stage: StageName,
  work: (tools: Stoppable, end: SessionEnd) => Promise<T>,
): Promise<T> {
  requireIdle(context, stage);
  const { care } = context;
  if (isDue(care)) throw await endingOf(context, stage, null);
  context.packed = null;
  const end = watchEnd(care);
  try {
    return await underStop(context, stage, (tools) =>
      work({ ...tools, signal: AbortSignal.any([tools.signal, end.signal]) }, end),
    );
  } catch (error) {
    const byEnd = end.signal.aborted || (end.reached && error instanceof RagError && error.code === "stopped");
    throw byEnd ? await endingOf(context, stage, end) : error;
  } finally {
    end.dispose();
  }
}

/** Packs the session and says so; where it can't be packed, says that. */
async function endingOf(context: SessionContext, stage: StageName, end: SessionEnd | null): Promise<RagError> {
  const { care, session } = context;
  let failure: unknown = null;
  if (context.packed && !existsSync(context.packed.path)) context.packed = null;
  try {
    context.packed ??= await context.checkpoint();
  } catch (error) {
    failure = error;
  }
  const { time } = care.status();
  return sessionEnding({
    stage,
    begun: end !== null,
    progress: end?.progress ?? null,
    leftSeconds: time?.leftSeconds ?? 0,
    limitSeconds: time?.limitSeconds ?? 0,
    session: session.name,
    pack: context.packed,
    failure,
  });
}

/** @throws RagError `stage_busy` */
function requireIdle({ session }: SessionContext, wanted: Work): void {
  const busy = running.get(session.dir);
  if (busy) throw stageBusy(busy, wanted);
}

/** Every run that another is made from is on the session's disk: a run of another session, or one that was removed, is refused before any work. */
async function requireInputs(context: SessionContext, stage: StageName, inputs: RunBase<StageName>["inputs"]) {
  const runs = inputRuns(inputs);
  for (const [input, id] of runs) {
    if (await context.store.find(input, id)) continue;
    const others = runs.map(([, other]) => other).filter((other) => other !== id);
    throw inputMissing({ stage, input, id, others, session: context.session.name, verb: verbs[input] });
  }
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

/**
 * What of its devices a run is told apart by. Vectors of simulated GPUs may be drawn from a hash, and must never
 * pass for real ones; and who asks for a plan that stands before the pass gets no run whose batches were found on the way.
 * Otherwise a run is the same wherever it was computed.
 */
async function deviceIdentity({ deviceKind, session }: SessionContext, models: readonly LocatedModel[]) {
  const { simulation, deterministic } = session.settings;
  if (models.length === 0 || deviceKind === "cpu") return {};
  return {
    ...(deviceKind === "simulated" && { simulation: await readSimulation(simulation) }),
    ...(deterministic && { plan: "fixed" }),
  };
}

/** What of a model decides the vectors of documents. A query's prefix is a setting of the stages that read queries. */
function identityOf({ card, fingerprint, dtype, maxTokens }: LocatedModel): readonly unknown[] {
  return [card.key, fingerprint, dtype, maxTokens, card.pooling, card.documentPrefix];
}

/** What an interrupted attempt left counts as written. @throws RagError `disk_too_small` */
async function requireRoom<K extends StageName>(
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

/**
 * Does work that the operator can stop, alone in the session's folder.
 *
 * @throws RagError `stage_busy`, `stopped`, and whatever the work throws
 */
export async function underStop<T>(
  context: SessionContext,
  stage: Work,
  work: (tools: Stoppable) => Promise<T>,
): Promise<T> {
  const { dir: folder } = context.session;
  requireIdle(context, stage);
  running.set(folder, stage);
  try {
    return await withStop(`in the ${stage} stage`, work);
  } finally {
    running.delete(folder);
  }
}

/**
 * Does work that the operator can stop.
 *
 * @param where for the message, such as `in the dense stage`
 * @throws RagError `stopped`, and whatever the work throws
 */
export async function withStop<T>(where: string, work: (tools: Stoppable) => Promise<T>): Promise<T> {
  const stop = await stopSignal();
  try {
    return await work({ signal: stop.signal, progress });
  } catch (error) {
    // Whatever an aborted stage trips over, the cause is the operator's Stop.
    if (stop.signal.aborted && !(error instanceof RagError && error.code === "stopped")) throw stopped(where);
    throw error;
  } finally {
    stop.dispose();
  }
}

/** A stored run as the operator holds it, with its card. */
export async function present<K extends StageName>(
  context: SessionContext,
  stage: K,
  stored: StoredRun<K>,
  reused: boolean,
  inMemory: Partial<RunOf[K]> = {},
): Promise<RunOf[K]> {
  const dir = context.store.layout.runDir(stage, stored.id);
  const run = { ...stored, session: context.session.name, dir, reused, ...inMemory } as unknown as RunOf[K];
  await prepareCard(run, await cardNow(run));
  return run;
}

/** A run's card, with what is stale in its session now. Marks that can't be made cost a line of the card, never a result. */
export async function cardNow(run: AnyRun): Promise<Card> {
  const context = contextIn(sessionDirOf(run.dir));
  if (!context) return cardOf(run);
  const { care, lineage } = context;
  care.tick();
  try {
    return withLeft(withMarks(cardOf(run), run, await lineage.standings({ hashMs: CARD_MS })), care.status());
  } catch (error) {
    return withLeft(withoutMarks(cardOf(run), error), care.status());
  }
}

/**
 * Model names as the registry's keys, so that one model has one name in run ids.
 *
 * @param engines names that stand for no model, such as `bm25`
 * @throws RagError `bad_option` for an empty list or a model named twice, `unknown_model`, `wrong_role`
 */
export function modelKeys(
  context: SessionContext,
  names: readonly string[],
  role: ModelRole,
  engines: readonly string[] = [],
): string[] {
  if (!Array.isArray(names) || names.length === 0) throw badOption("models", names, "at least one model is needed");
  const keys = names.map((name) => (engines.includes(name) ? name : context.card(name, role).key));
  const twice = keys.find((key, i) => keys.indexOf(key) < i);
  if (twice !== undefined) throw badOption("models", names, `${twice} is named twice`);
  return keys;
}

/** A located model as a run records it. */
export function modelUse(model: LocatedModel, device: DeviceKind): ModelUse {
  const { card, revision, fingerprint, servedFrom, dtype, maxTokens } = model;
  const { key, hubId, pooling, documentPrefix, queryPrefix } = card;
  return {
    key,
    hubId,
    revision,
    fingerprint,
    servedFrom,
    dtype,
    device,
    maxTokens,
    pooling,
    documentPrefix,
    queryPrefix,
  };
}

/** A value that is no run, with its card, or with another than its kind has. */
export async function withCard<T extends Exclude<Showable, AnyRun | Skipped | QuerySet>>(
  value: T,
  card: Card = cardOf(value),
): Promise<T> {
  await prepareCard(value, card);
  return value;
}

/** Gives a session its card, which says what is left whenever it is looked at. */
export function withSessionCard(session: Session, care: Care): Session {
  return liveCard(session, () => sessionCard(session, care.status()));
}

/** The value of a stage that is switched off, with its card. */
export async function skipped(stage: Skipped["stage"], source: string): Promise<Skipped> {
  const value: Skipped = { kind: "skipped", stage, reason: "feature_disabled", source };
  await prepareCard(value);
  return value;
}
