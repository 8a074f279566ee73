import type { Care } from "../care/care.js";
import { notASession, sessionClosed } from "../core/errors.js";
import type { Lineage } from "../lineage/open.js";
import type { Env } from "../runtime/devices/tool.js";
import type { UsableDevice } from "../runtime/devices/types.js";
import type { DeviceKind } from "../schema/device-types.js";
import type { LocatedModel, ModelCard, ModelRole } from "../schema/model-types.js";
import type { SessionPack } from "../schema/session-pack-types.js";
import type { Provenance, Settings } from "../schema/settings-types.js";
import type { RunStore } from "../store/runs.js";

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

const contexts = new WeakMap<object, SessionContext>();

/** The session that was opened last in a folder. */
const inFolder = new Map<string, SessionContext>();

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
