/** An entry of an archive, in the archive's order. Nothing of it is to be trusted. */
export interface ArchiveEntry {
  /** As the archive has it. */
  readonly name: string;
  /** `file`, `folder`, or what else it is, in words, such as `a link`. */
  readonly kind: string;
  /** As the archive declares it. */
  readonly bytes: number;
  /** What is in it; to be read before the next entry is asked for, or not at all. */
  content(): AsyncIterable<Uint8Array>;
}

/** Makes the error for an archive, or for one entry of it, that breaks a rule. */
export type Refuse = (entry: string | null, problem: string, cause?: unknown) => Error;

/** An archive that is open for reading. */
export interface Archive {
  /** Absolute. */
  readonly path: string;
  /** Reads from the beginning, each time anew. Faults of the archive come as plain errors. */
  entries(signal: AbortSignal): AsyncIterable<ArchiveEntry>;
  close(): Promise<void>;
}
