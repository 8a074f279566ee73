/** What `packSession` returns. */

import type { StageName } from "./types.js";

/** A run in the making, as a pack carries it. */
export interface PackedAttempt {
  readonly stage: StageName;
  readonly id: string;
  /** Finished batches in its journals, which are not computed again. */
  readonly batches: number;
}

/** A session in one zip, read back and verified. */
export interface SessionPack {
  readonly kind: "session_pack";
  /** The zip, absolute. */
  readonly path: string;
  /** The session's name. */
  readonly session: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Files in it, and their bytes when unpacked; the manifest of the pack is not counted. */
  readonly files: number;
  readonly unpackedBytes: number;
  /** Finished runs by stage. */
  readonly runs: Readonly<Partial<Record<StageName, number>>>;
  /** Runs that go on where they were stopped. */
  readonly inTheMaking: readonly PackedAttempt[];
  /** Ids of runs that can't be read here, and will not be readable there. */
  readonly damaged: readonly string[];
  /** Files of exported collections in it, and their bytes. */
  readonly collection: { readonly files: number; readonly bytes: number };
  /** What lies in the session's folder and is no part of the session, by its path there. */
  readonly leftOut: readonly string[];
  readonly seconds: number;
}
