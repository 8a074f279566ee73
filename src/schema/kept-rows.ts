/**
 * Rows that one model once computed, kept by the sha256 of their text. `hashes` are
 * 32 bytes a row, one after the other. A row is what the model gives for one text:
 * float32 numbers of a dense vector, or u32 indices and as many float32 values.
 */
export interface KeptRows {
  /** 1 for each row that is kept. */
  known(hashes: Uint8Array): Promise<Uint8Array>;
  /** Each row, verified; null where it is gone or damaged. */
  take(hashes: Uint8Array): Promise<readonly (Uint8Array | null)[]>;
  /** Keeps rows. Its own troubles are notes, never a failure of the pass. */
  keep(hashes: Uint8Array, rows: readonly Uint8Array[]): Promise<void>;
}
