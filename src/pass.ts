import { join } from "node:path";
import { type BatchPlan, planBatches } from "./core/batches.js";
import { inBatch } from "./core/errors.js";
import { canonicalJson, sha256 } from "./core/hash.js";
import { openEncoder } from "./runtime/encoder.js";
import { padBatch } from "./runtime/tokenizer.js";
import type { DenseBatch, SparseBatch, TokenizedText } from "./runtime/types.js";
import type { LocatedModel } from "./schema/model-types.js";
import type { BatchRecord, StageName } from "./schema/types.js";
import type { StageWork } from "./stage.js";
import { type Journal, openJournal } from "./store/journal.js";
import { journalName } from "./store/layout.js";
import type { MemorySample } from "./telemetry/recorder.js";

/** What one pass of a model over many texts needs. */
export interface PassInput {
  readonly stage: StageName;
  readonly model: LocatedModel;
  readonly normalize: boolean;
  /** Tokens of each row after truncation: what the plan is made from. */
  readonly lengths: ArrayLike<number>;
  /** The row's tokens, asked for when its batch is due. */
  readonly tokens: (row: number) => Promise<TokenizedText>;
  readonly padId: number;
  readonly tokenBudget: number;
  readonly maxRows: number;
  readonly threads: number;
  /** What rows are called in the progress line. */
  readonly unit: string;
}

/** What the journal says of one batch. */
export interface PassFrame {
  readonly record: BatchRecord;
  readonly memory: MemorySample;
  /** Width of the output. */
  readonly dim: number;
}

/** A finished pass: its plan, and the journal that holds the output of every batch. */
export interface Pass {
  readonly plan: BatchPlan;
  readonly journal: Journal<PassFrame>;
  readonly dim: number;
}

/**
 * Runs a model over all rows in a process of its own: rows sorted by length,
 * batches by token budget, every batch durable before the next counts. Batches
 * that an earlier attempt had finished are taken over. The caller reads the
 * journal's frames (the same order as the plan) and closes it.
 *
 * @throws RagError `stopped`, `inference_process_died` and others, naming stage, model and batch
 */
export async function runPass(work: StageWork, input: PassInput): Promise<Pass> {
  const { model, stage } = input;
  const plan = planBatches(input.lengths, input.tokenBudget, input.maxRows);
  const planHash = sha256(canonicalJson([model.fingerprint, model.card.pooling, input.normalize, plan.batches]));
  const journal = await openJournal<PassFrame>(join(work.dir, journalName(model.card.key)), planHash);
  try {
    for (const { meta } of journal.frames) work.recorder.takeOver(meta.record, meta.memory);
    work.resumed(journal.frames.length);
    if (journal.frames.length < plan.batches.length) await encodeRest(work, input, plan, journal);
    return { plan, journal, dim: journal.frames[0]?.meta.dim ?? model.card.dim };
  } catch (error) {
    await journal.close();
    throw inBatch(error, stage, model.card.key, journal.frames.length, plan.batches.length);
  }
}

async function encodeRest(
  work: StageWork,
  input: PassInput,
  plan: BatchPlan,
  journal: Journal<PassFrame>,
): Promise<void> {
  const { model } = input;
  const encoder = await work.recorder.timed("load", () =>
    openEncoder(
      {
        model: model.card.key,
        onnxFile: model.onnxFile,
        externalData: model.externalData,
        pooling: model.card.pooling,
        normalize: input.normalize,
        threads: input.threads,
        device: "cpu",
      },
      work.signal,
    ),
  );
  let done = 0;
  for (const batch of plan.batches.slice(0, journal.frames.length)) done += batch.rows.length;
  const progress = work.progress({
    label: `${input.stage} · ${model.card.key}`,
    total: input.lengths.length,
    unit: input.unit,
    before: done,
  });
  try {
    // One batch is always waiting in the child, so that it never idles while a result is made durable.
    const send = async (index: number) => {
      const { rows } = plan.batches[index] as (typeof plan.batches)[number];
      const texts = await Promise.all(rows.map(input.tokens));
      return { texts, answer: encoder.encode(padBatch(texts, input.padId)) };
    };
    let index = journal.frames.length;
    let current = send(index);
    for (; index < plan.batches.length; index++) {
      const { texts, answer } = await current;
      if (index + 1 < plan.batches.length) {
        current = send(index + 1);
        current.then((sent) => sent.answer).catch(() => {});
      }
      const { output, report } = await answer;
      const batch = plan.batches[index] as (typeof plan.batches)[number];
      const memory = {
        source: "resident set of the inference process",
        interval: "at the end of every batch; the peak is the system's own high-water mark",
        capBytes: null,
        bytes: report.rssBytes,
        peakBytes: report.peakRssBytes,
      };
      const record = work.recorder.batch(
        {
          index,
          model: model.card.key,
          device: "cpu",
          rows: batch.rows.length,
          tokens: texts.reduce((n, text) => n + text.ids.length, 0),
          paddedTokens: batch.rows.length * batch.paddedTo,
          seconds: report.runSeconds,
        },
        memory,
      );
      await work.recorder.timed("journal", () =>
        journal.append({ record, memory, dim: output.dim }, packOutput(output)),
      );
      done += batch.rows.length;
      progress.update(done);
    }
    progress.finish();
  } catch (error) {
    progress.fail(error instanceof Error ? error.message : String(error));
    throw error;
  } finally {
    await encoder.close();
  }
}

/** Bytes of a batch's output: float32 rows, or u32 offsets, u32 indices, float32 values. */
function packOutput(output: DenseBatch | SparseBatch): Uint8Array {
  if (output.kind === "dense") return bytesOf(output.data);
  return Buffer.concat([bytesOf(output.indptr), bytesOf(output.indices), bytesOf(output.values)]);
}

/** A frame of a dense pass: float32 `[rows, dim]`, row-major. */
export function unpackDense(payload: Buffer): Float32Array {
  return new Float32Array(payload.buffer.slice(payload.byteOffset, payload.byteOffset + payload.byteLength));
}

/** A frame of a sparse pass: for each row its terms, ascending. */
export function unpackSparse(
  payload: Buffer,
  rows: number,
): { indptr: Uint32Array; indices: Uint32Array; values: Float32Array } {
  const buffer = payload.buffer.slice(payload.byteOffset, payload.byteOffset + payload.byteLength);
  const indptr = new Uint32Array(buffer, 0, rows + 1);
  const terms = indptr[rows] as number;
  return {
    indptr,
    indices: new Uint32Array(buffer, (rows + 1) * 4, terms),
    values: new Float32Array(buffer, (rows + 1 + terms) * 4, terms),
  };
}

function bytesOf(data: Float32Array | Uint32Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
