import { checkpointCard } from "../charts/card-session-pack.js";
import type { SessionPack } from "../schema/session-pack-types.js";
import type { Session } from "../stage/context.js";
import { withCard } from "../stage/present.js";
import { type PackSessionOptions, packSession } from "./pack.js";

/**
 * Packs the session so that the next one goes on where this one is: `packSession`, without what
 * an export has written, which its cell writes anew. On Kaggle the zip lies in `/kaggle/working`,
 * and its card says how it comes into the next session. Near the session's end it is made without being asked.
 *
 * @returns where it is, and what is in it
 * @throws RagError `not_a_session`, `session_closed`, `bad_option`, `stage_busy`, `session_not_packable`, `disk_too_small`, `pack_write_failed`, `pack_not_verified`, `stopped`
 */
export async function checkpoint(session: Session, options: PackSessionOptions = {}): Promise<SessionPack> {
  const pack = await packSession(session, { ...options, collection: options.collection ?? false });
  return withCard(pack, checkpointCard(pack));
}
