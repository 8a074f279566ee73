import { z } from "zod";

/** The first key of every `session.json`. */
export const SESSION_SCHEMA = "rag-cells/session@1";

/** The pack that a session was opened from. */
export interface SessionOrigin {
  /** sha256 of the pack's manifest. */
  readonly pack: string;
  /** What the session was called where it was packed. */
  readonly session: string;
  /** ISO 8601, UTC. */
  readonly packedAt: string;
}

/** What `session.json` says. */
export interface SessionFile {
  readonly name: string;
  /** Null for a session that was begun where it is. */
  readonly origin: SessionOrigin | null;
}

const SessionFileSchema = z.looseObject({
  schema: z.literal(SESSION_SCHEMA),
  name: z.string(),
  origin: z.object({ pack: z.string(), session: z.string(), packedAt: z.string() }).nullish(),
});

/** The text of a `session.json`. */
export function formatSessionFile({ name, origin }: SessionFile): string {
  return `${JSON.stringify({ schema: SESSION_SCHEMA, name, ...(origin ? { origin } : {}) })}\n`;
}

/** Reads such a text; null where this version can't. */
export function parseSessionFile(text: string): SessionFile | null {
  try {
    const { name, origin } = SessionFileSchema.parse(JSON.parse(text));
    return { name, origin: origin ?? null };
  } catch {
    return null;
  }
}
