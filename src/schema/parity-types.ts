/** What `checkParity` returns. */

/** What the last bits of vectors depend on. */
export interface ParityMachine {
  /** Class of the processor's vector instructions: `avx512`, `avx2`, `avx`, `sse`, `neon`, or `unknown`. */
  readonly instructionSet: string;
  /** Versions of the inference library, the tokenizer and this library's own part. */
  readonly encoder: string;
  readonly node: string;
}

/** One dense artefact, or the dense part of one. */
export interface ParityArtefact {
  readonly name: string;
  readonly rows: number;
  /** Of the file with both stages off; of the dense part alone where the file has other parts. */
  readonly sha256: string;
  /** Whether the same came out with both stages on. */
  readonly equal: boolean;
  /** What the stored baseline says: `close` by cosine of sample rows; `not compared` where there is none, or where bits depend on the processor. */
  readonly baseline: "equal" | "close" | "differs" | "not compared";
}

/** The first place where two collections differ. */
export interface ParityDifference {
  /** What was compared, such as `with both stages off` and `with both stages on`. */
  readonly between: readonly [string, string];
  readonly artefact: string;
  /** 0-based; null where the difference is none of a row, or the baseline does not tell. */
  readonly row: number | null;
  readonly chunkId: string | null;
  /** Where in the row, such as `dimension 17` or `payload.text`. */
  readonly field: string;
  /** Both values as text, cut to 120 characters. */
  readonly values: readonly [string, string];
  /** What explains it, where something known does; else empty. */
  readonly hint: string;
}

/** How a stored baseline was compared, or that one was written. */
export interface ParityBaseline {
  /** Absolute. */
  readonly path: string;
  readonly how: "hashes" | "cosine" | "written" | "not written";
  /** Why it was done this way, in a sentence. */
  readonly why: string;
  /** What it was made on. */
  readonly madeOn: ParityMachine;
}

/** A collection made twice, with sparse and rerank on and with both off, and what its dense artefacts have in common. */
export interface ParityReport {
  readonly kind: "parity_report";
  readonly session: string;
  /** True where nothing differs and nothing of the stages is left where they are off. */
  readonly equal: boolean;
  readonly chunks: number;
  readonly artefacts: readonly ParityArtefact[];
  readonly difference: ParityDifference | null;
  /** What the stages left behind although they were off: files, keys of the manifest. */
  readonly traces: readonly string[];
  /** Null where no baseline was named. */
  readonly baseline: ParityBaseline | null;
  readonly machine: ParityMachine;
  readonly seconds: number;
}
