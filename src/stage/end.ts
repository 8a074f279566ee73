import { existsSync } from "node:fs";
import { isDue, type SessionEnd, watchEnd } from "../care/end.js";
import { RagError, sessionEnding } from "../core/errors.js";
import type { StageName } from "../schema/types.js";
import type { SessionContext } from "./context.js";
import { requireIdle, type Stoppable, underStop } from "./stop.js";

/**
 * Does a stage's work under Stop, while the session has time for it. Near its end the work is
 * stopped, or not begun, the session is packed, and the call fails with how to go on.
 *
 * @throws RagError `stage_busy`, `session_ending`, `stopped`, and whatever the work throws
 */
export async function withinSession<T>(
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
