import { stopped } from "../core/errors.js";
import { joinRows, packOutput, type RowKind, splitRows } from "../runtime/row-bytes.js";
import type { DenseBatch, SparseBatch, TokenBatch, TokenizedText } from "../runtime/types.js";
import type { BatchRecord } from "../schema/types.js";
import type { StageWork } from "../stage/work.js";
import type { Journal } from "../store/journal.js";
import type { MemorySample } from "../telemetry/recorder.js";
import type { PassInput, PreparedRow } from "./input.js";
import type { PassPlan } from "./plan.js";

/** What the journal says of one batch, or of one block of kept rows. */
export interface PassFrame {
  /** The rows in the payload, in its order; none where a block is gone altogether. */
  readonly rows: readonly number[];
  /** Which block of kept rows it is; null for a batch that the model computed. */
  readonly block: number | null;
  /** What the model computed for it; null for a block. */
  readonly record: BatchRecord | null;
  readonly memory: MemorySample | null;
}

export type PassJournal = Journal<PassFrame, PassPlan>;

/** Rows of a frame as the model computed them, those of each micro-batch; none for a block of kept rows. */
export function computedAtOnce({ rows, record }: PassFrame): number[][] {
  let at = 0;
  return (record?.microBatches ?? []).map((count) => {
    at += count;
    return rows.slice(at - count, at);
  });
}

/** Rows that stand in a journal. */
export function rowsIn({ frames }: PassJournal): number {
  return frames.reduce((sum, { meta }) => sum + meta.rows.length, 0);
}

/** Journals the kept rows, block by block. Rows that were kept when the plan was made and are gone now stand in no frame. */
export async function fillBlocks(work: StageWork, input: PassInput, journal: PassJournal): Promise<void> {
  const { kept } = input;
  const kind = kindOf(input);
  const done = journal.frames.filter(({ meta }) => meta.block !== null).length;
  for (const [block, rows] of journal.plan.keptBlocks.entries()) {
    if (block < done) continue;
    work.signal.throwIfAborted();
    if (work.due({ model: input.model.card.key, done: rowsIn(journal), total: input.count }))
      throw stopped("before the session's end");
    const prepared = await Promise.all(rows.map(input.row));
    const found = kept ? await work.recorder.timed("reuse", () => kept.take(hashesOf(prepared))) : rows.map(() => null);
    const there = rows.filter((_, i) => found[i]);
    const payloads = found.filter((row) => row !== null);
    const payload = there.length > 0 ? joinRows(payloads, kind) : new Uint8Array();
    const frame = { rows: there, block, record: null, memory: null };
    await work.recorder.timed("journal", () => journal.append(frame, payload));
  }
}

/** Rows that are computed at once, with their texts in tokens, ready to be sent. */
export interface PreparedPiece {
  readonly rows: readonly number[];
  readonly prepared: readonly PreparedRow[];
  readonly texts: readonly TokenizedText[];
  readonly padded: TokenBatch;
}

/** A batch that came back. */
export interface ComputedBatch {
  readonly output: DenseBatch | SparseBatch;
  /** Seconds inside the model. */
  readonly seconds: number;
  readonly device: string;
  readonly memory: MemorySample | null;
}

/** Writes what devices compute. */
export interface FrameWriter {
  /** Journals a batch of so many pieces; durable when it resolves. Batches of several devices are written one after another. */
  write(batch: readonly PreparedPiece[], computed: ComputedBatch): Promise<void>;
  /** Resolves when every row is kept that is to be kept. */
  settle(): Promise<void>;
}

/** A writer for the batches of a pass. @param written called with the number of rows of each batch that became durable */
export function frameWriter(
  work: StageWork,
  input: PassInput,
  journal: PassJournal,
  written: (rows: number) => void,
): FrameWriter {
  const { kept, model } = input;
  let last: Promise<void> = Promise.resolve();
  let keeping: Promise<void> = Promise.resolve();

  const keep = async (prepared: readonly PreparedRow[], payload: Uint8Array) => {
    if (!kept) return;
    const rows = splitRows(payload, kindOf(input), prepared.length);
    await work.recorder.timed("keep", () => kept.keep(hashesOf(prepared), rows));
  };
  const append = async (batch: readonly PreparedPiece[], { output, seconds, device, memory }: ComputedBatch) => {
    const rows = batch.flatMap((piece) => piece.rows);
    const prepared = batch.flatMap((piece) => piece.prepared);
    const texts = batch.flatMap((piece) => piece.texts);
    const record = work.recorder.batch(
      {
        index: journal.frames.length,
        model: model.card.key,
        device,
        rows: rows.length,
        microBatches: batch.map((piece) => piece.rows.length),
        tokens: texts.reduce((sum, { ids }) => sum + ids.length, 0),
        paddedTokens: batch.reduce((sum, { padded }) => sum + padded.rows * padded.length, 0),
        seconds,
      },
      memory,
    );
    const payload = packOutput(output);
    await work.recorder.timed("journal", () => journal.append({ rows, block: null, record, memory }, payload));
    written(rows.length);
    // One batch behind at most: the next one may compute meanwhile.
    await keeping;
    keeping = keep(prepared, payload);
    keeping.catch(() => {}); // Thrown where it is awaited.
  };
  return {
    write(batch, computed) {
      const mine = last.then(() => append(batch, computed));
      last = mine.catch(() => {});
      return mine;
    },
    settle: () => keeping,
  };
}

export function kindOf({ model }: PassInput): RowKind {
  return model.card.pooling === "splade" ? "sparse" : "dense";
}

function hashesOf(prepared: readonly PreparedRow[]): Uint8Array {
  return Buffer.concat(prepared.map(({ hash }) => hash as Uint8Array));
}
