import { z } from "zod";

/** The first key of a file of sources. */
export const SOURCES_SCHEMA = "rag-cells/sources@1";

/** A document as a chunk run read it, and how its file looked then. */
const Document = z.object({
  /** Path from the corpus root. */
  document: z.string(),
  sha256: z.string(),
  bytes: z.number(),
  mtimeMs: z.number(),
  /** 0 where the file had changed so shortly before that a later change could have the same times. */
  ctimeMs: z.number(),
});

const Sources = z.object({
  schema: z.literal(SOURCES_SCHEMA),
  run: z.string(),
  base: z.string(),
  patterns: z.array(z.string()),
  documents: z.array(Document),
});

/** How a document's file looked when it was read. */
export type SourceDocument = Readonly<z.infer<typeof Document>>;

/** Where a chunk run's documents were read: paths of this machine, which is why it is no part of the run. */
export interface DocumentSources {
  /** Folder that relative patterns start from, absolute. */
  readonly base: string;
  readonly patterns: readonly string[];
  readonly documents: readonly SourceDocument[];
}

/** Reads a file of sources; null where it is none, or another run's. */
export function parseSources(text: string, run: string): DocumentSources | null {
  try {
    const parsed = Sources.safeParse(JSON.parse(text));
    return parsed.success && parsed.data.run === run ? parsed.data : null;
  } catch {
    return null;
  }
}
