import type { RagError } from "../core/errors.js";
import type { ModelShape } from "../schema/device-types.js";
import type { Pooling } from "../schema/model-types.js";
import type { Provider } from "./devices/types.js";

/** Token ids of one text, special tokens included, already cut to the model's limit. */
export interface TokenizedText {
  readonly ids: Int32Array;
  /** Segment ids; null where the model has one segment. */
  readonly types: Uint8Array | null;
  /** Tokens that were cut off. */
  readonly lost: number;
}

/** Rows that a model computes at once, padded to one length: a micro-batch. Row-major `[rows, length]`. */
export interface TokenBatch {
  readonly rows: number;
  readonly length: number;
  readonly ids: Int32Array;
  readonly mask: Uint8Array;
  readonly types: Uint8Array;
}

/** What an inference process is started with. */
export interface EncoderOptions {
  /** Names the model in errors. */
  readonly model: string;
  readonly onnxFile: string;
  readonly externalData: readonly { readonly name: string; readonly path: string }[];
  /** `none` returns the raw `logits` or first output, for a cross-encoder. */
  readonly pooling: Pooling;
  /** Scale pooled vectors to length 1, inside the graph; sparse vectors and raw logits are left as they are. */
  readonly normalize: boolean;
  /** Threads of one operator. */
  readonly threads: number;
  readonly provider: Provider;
  /** What the process's environment has beyond ours. */
  readonly env?: Readonly<Record<string, string>>;
  /** What decides memory and time; only a simulated device wants it. */
  readonly shape?: ModelShape;
  /** Count the nodes of the graph by the provider that computes them, in a probe of one short row. */
  readonly probe?: boolean;
  /** Lets onnxruntime write everything it does to the process's stderr, whose end errors quote. */
  readonly verbose?: boolean;
}

/** Dense result of a batch: float32 `[rows, dim]`. */
export interface DenseBatch {
  readonly kind: "dense";
  readonly data: Float32Array;
  readonly dim: number;
}

/** Sparse result of a batch: for each row its non-zero terms, ascending. */
export interface SparseBatch {
  readonly kind: "sparse";
  /** `rows + 1` offsets. */
  readonly indptr: Uint32Array;
  readonly indices: Uint32Array;
  readonly values: Float32Array;
  /** Vocabulary size. */
  readonly dim: number;
}

/** Timing and memory the inference process reports with each micro-batch. */
export interface BatchReport {
  /** Seconds inside `session.run`. */
  readonly runSeconds: number;
  /** Seconds with reading the input and handing over the output. */
  readonly seconds: number;
  /** Resident set of the inference process after the batch, in bytes. */
  readonly rssBytes: number;
  /** High-water mark of the resident set since the process began, in bytes. */
  readonly peakRssBytes: number;
}

/** Told each micro-batch as it comes back: its place in the batch, its rows, and what it took. */
export type Came = (index: number, output: DenseBatch | SparseBatch, report: BatchReport) => void;

/** What came back of a batch. */
export interface EncodedBatch {
  /** Rows of the micro-batches that were computed, in their order. */
  readonly output: DenseBatch | SparseBatch;
  /** Seconds of all together; memory as it was last. */
  readonly report: BatchReport;
  /** What kept the next micro-batch from being computed, and so those behind it; null where all were. */
  readonly failure: RagError | null;
}

/** A model in an inference process: what a provider makes of a file. */
export interface Backend {
  /** Nodes by the provider that computed them in a probe; null where none was asked for. */
  readonly placement: Readonly<Record<string, number>> | null;
  /** Computes one micro-batch. @throws Error in the runtime's own words */
  run(batch: TokenBatch): Promise<{ readonly output: DenseBatch | SparseBatch; readonly runSeconds: number }>;
  /** Gives the session's memory back. */
  close(): Promise<void>;
}

/** A model loaded in a process of its own. */
export interface Encoder {
  readonly pid: number;
  /** Nodes by the provider that computed them in a probe; null where none was asked for. */
  readonly placement: Readonly<Record<string, number>> | null;
  /** Seconds from the start of the process until the model was ready. */
  readonly loadSeconds: number;
  /** Resident set after loading, in bytes. */
  readonly loadedRssBytes: number;
  /**
   * Computes one batch: its micro-batches one after another. Memory has to do for one of them; between two nothing has to
   * come back, so a device is as busy with several small ones as with a large one.
   *
   * @param timeoutSeconds the process is killed where it has not computed all in time; no limit by default
   * @returns what kept a micro-batch, and so those behind it, from being computed (`out_of_memory`, `inference_failed`; the process
   * lives on), or null. Everything that came back before has been told.
   * @throws RagError `inference_process_died`, `inference_timeout`, `stopped` (the signal aborted, the process is killed), `bad_batch`,
   * `encoder_closed`; all but `bad_batch` name the model
   */
  compute(microBatches: readonly TokenBatch[], came: Came, timeoutSeconds?: number): Promise<RagError | null>;
  /** The same, with all that came back. @throws RagError those of `compute`, also what it returns where not even the first was computed */
  encode(microBatches: readonly TokenBatch[], timeoutSeconds?: number): Promise<EncodedBatch>;
  /**
   * Sends what of a batch was not sent yet, while another is computed: to be called whenever the list grows. `encode` of the very
   * same list then has only the rest to send. Nothing is computed by it, and nothing is owed: another batch may be encoded in
   * its place.
   */
  sendAhead(microBatches: readonly TokenBatch[]): void;
  /**
   * Closes the session and makes a new one in the same process: what the old one's arena held is free again.
   *
   * @throws RagError `model_not_loaded`, `out_of_memory`, `inference_process_died`, `stopped`
   */
  renew(): Promise<void>;
  /** Kills the process: batches under way fail with `inference_process_died` and these words. */
  kill(words: string): void;
  /** Ends the process; resolves when it is gone. Safe to call twice. */
  close(): Promise<void>;
}
