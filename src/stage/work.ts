import type { PassProgress } from "../care/end.js";
import type { LiveDevices, LiveOptions } from "../charts/live-devices.js";
import type { UsableDevice } from "../runtime/devices/types.js";
import type { DeviceKind } from "../schema/device-types.js";
import type { SetBy } from "../schema/lineage-types.js";
import type { LocatedModel } from "../schema/model-types.js";
import type { DocumentSources } from "../schema/sources-file.js";
import type { RunBase, RunOf, StageName } from "../schema/types.js";
import type { BudgetKeeper } from "../store/budgets.js";
import type { StoredRun } from "../store/runs.js";
import type { Recorder } from "../telemetry/recorder.js";
import type { Stoppable } from "./stop.js";

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
