import { z } from "zod";
import type { StageName } from "./types.js";

/** The first key of a pack's manifest. */
export const SESSION_PACK_SCHEMA = "rag-cells/session-pack@1";
/** Its name in the pack. */
export const SESSION_PACK_FILE = "session-pack.json";
/** What a session may be called. */
export const sessionNamePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

const stages = ["prime", "chunk", "dense", "sparse", "fuse", "rerank", "export"] as const satisfies StageName[];

const SessionPackSchema = z.object({
  schema: z.literal(SESSION_PACK_SCHEMA),
  session: z.string().regex(sessionNamePattern, "no name that a session can have"),
  /** Version of the library that wrote it. */
  library: z.string().max(64),
  packedAt: z.iso.datetime(),
  runs: z.array(
    z.object({
      stage: z.enum(stages),
      id: z.string().max(200),
      state: z.enum(["finished", "in the making", "damaged"]),
      /** Batches in its journals. */
      batches: z.int().min(0),
    }),
  ),
  files: z.array(
    z.object({
      path: z.string().min(1).max(1024),
      bytes: z.int().min(0),
      sha256: z.string().regex(/^[0-9a-f]{64}$/, "no sha256"),
    }),
  ),
});

/** What a pack says that it holds. */
export type SessionPackFile = z.infer<typeof SessionPackSchema>;

/** A run in a pack. */
export type PackedRunRecord = SessionPackFile["runs"][number];

/** The manifest, or what is wrong with it. */
export type SessionPackResult =
  | { readonly ok: true; readonly pack: SessionPackFile }
  | { readonly ok: false; readonly problem: string };

/** Checks the text of a `session-pack.json`. */
export function parseSessionPack(text: string): SessionPackResult {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return { ok: false, problem: `is no JSON (${(error as Error).message})` };
  }
  const schema = (json as { schema?: unknown } | null)?.schema;
  if (typeof schema === "string" && schema.startsWith("rag-cells/session-pack@") && schema !== SESSION_PACK_SCHEMA)
    return {
      ok: false,
      problem: `has schema ${schema.slice(0, 60)}, this version of rag-cells reads ${SESSION_PACK_SCHEMA}: open it with the version that wrote it, or a later one`,
    };
  const parsed = SessionPackSchema.safeParse(json);
  if (parsed.success) return { ok: true, pack: parsed.data };
  return { ok: false, problem: `can't be used: ${z.prettifyError(parsed.error).replaceAll("\n", "; ").slice(0, 400)}` };
}

/** The text of a `session-pack.json`. */
export function formatSessionPack(pack: Omit<SessionPackFile, "schema">): string {
  return `${JSON.stringify({ schema: SESSION_PACK_SCHEMA, ...pack }, null, 1)}\n`;
}
