import { type Progress, type ProgressOptions, progress } from "../charts/progress.js";
import { RagError, stageBusy, stopped } from "../core/errors.js";
import { stopSignal } from "../runtime/stop.js";
import type { StageName } from "../schema/types.js";
import type { SessionContext } from "./context.js";

/** What work that can be stopped is given. */
export interface Stoppable {
  /** Aborts when the operator presses Stop. */
  readonly signal: AbortSignal;
  progress(options: ProgressOptions): Progress;
}

/** What has a session's folder to itself while it works. */
export type Work = StageName | "removal" | "pack" | "parity";

/** What works in a session's folder now. By folder: a cell that opens the session again gets another object for it. */
const running = new Map<string, Work>();

/** @throws RagError `stage_busy` */
export function requireIdle({ session }: SessionContext, wanted: Work): void {
  const busy = running.get(session.dir);
  if (busy) throw stageBusy(busy, wanted);
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
