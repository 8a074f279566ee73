import { stopped } from "../core/errors.js";
import { joinRows, packOutput, type RowKind, splitRows } from "../runtime/row-bytes.js";
import type { DenseBatch, SparseBatch, TokenBatch, TokenizedText } from "../runtime/types.js";
import type { DeviceEvent } from "../schema/device-types.js";
import type { StageWork } from "../stage/work.js";
import type { Journal } from "../store/journal.js";
import type { MemorySample, MicroBatchRecord } from "../telemetry/recorder.js";
import type { PassInput, PreparedRow } from "./input.js";
import type { PassPlan } from "./plan.js";

/** What the journal says of one micro-batch, of one block of kept rows, or of something that happened on a device. */
export interface PassFrame {
  /** The rows in the payload, in its order; none where a block is gone altogether, or for an event. */
  readonly rows: readonly number[];
  /** Which block of kept rows it is; null for rows that the model computed. */
  readonly block: number | null;
  /** What the model computed for it; null for a block and for an event. */
  readonly record: MicroBatchRecord | null;
  /** What happened on a device; null for rows. */
  readonly event: DeviceEvent | null;
  readonly memory: MemorySample | null;
}

export type PassJournal = Journal<PassFrame, PassPlan>;

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
    const frame = { rows: there, block, record: null, event: null, memory: null };
    await work.recorder.timed("journal", () => journal.append({ meta: frame, payload }));
  }
}

/** Rows that are computed at once, with their texts in tokens, ready to be sent. */
export interface PreparedPiece {
  readonly rows: readonly number[];
  readonly prepared: readonly PreparedRow[];
  readonly texts: readonly TokenizedText[];
  readonly padded: TokenBatch;
}

/** Rows that came back. */
export interface ComputedRows {
  readonly output: DenseBatch | SparseBatch;
  /** Seconds inside the model. */
  readonly seconds: number;
  readonly device: string;
  /** The number of their batch. */
  readonly batch: number;
  readonly memory: MemorySample | null;
}

/** Writes what devices compute. */
export interface FrameWriter {
  /** A number for a batch that begins, which no other batch of its device has. */
  begin(): number;
  /** Journals rows that were computed at once; durable when it resolves. What comes while others are written is written and synced together. */
  write(piece: PreparedPiece, computed: ComputedRows): Promise<void>;
  /**
   * Journals what happened on a device, and the memory that was seen there, so that a run that goes on tells it too: no rows may
   * come back of a batch that took the most. Where that fails, the next rows fail with the reason.
   */
  event(event: DeviceEvent, memory: MemorySample | null): void;
  /** Resolves when everything is written, and every row kept that is to be kept. */
  settle(): Promise<void>;
}

/** Rows, or an event, that wait to be written. */
interface Waiting {
  readonly piece: PreparedPiece | null;
  readonly meta: PassFrame;
  readonly payload: Uint8Array;
  readonly resolve: () => void;
  readonly reject: (cause: unknown) => void;
}

/** A writer for what a pass computes. @param written called with the number of rows that became durable */
export function frameWriter(
  work: StageWork,
  input: PassInput,
  journal: PassJournal,
  written: (rows: number) => void,
): FrameWriter {
  const { kept, model } = input;
  const queue: Waiting[] = [];
  let writing: Promise<void> | null = null;
  let keeping: Promise<void> = Promise.resolve();

  const keep = async (entries: readonly Waiting[]) => {
    if (!kept) return;
    for (const { piece, payload } of entries) {
      if (!piece) continue;
      const rows = splitRows(payload, kindOf(input), piece.rows.length);
      await work.recorder.timed("keep", () => kept.keep(hashesOf(piece.prepared), rows));
    }
  };
  const append = async (entries: readonly Waiting[]) => {
    await work.recorder.timed("journal", () => journal.append(...entries));
    written(entries.reduce((sum, { meta }) => sum + meta.rows.length, 0));
    // One step behind at most: the next rows may be computed meanwhile.
    await keeping;
    keeping = keep(entries);
    keeping.catch(() => {}); // Thrown where it is awaited.
  };
  const writeAll = async () => {
    while (queue.length > 0) {
      const entries = queue.splice(0);
      await append(entries).then(
        () => {
          for (const { resolve } of entries) resolve();
        },
        (cause) => {
          for (const { reject } of entries) reject(cause);
        },
      );
    }
    writing = null;
  };
  const enqueue = (entry: Omit<Waiting, "resolve" | "reject">): Promise<void> =>
    new Promise((resolve, reject) => {
      queue.push({ ...entry, resolve, reject });
      writing ??= writeAll();
    });
  return {
    begin: () => journal.frames.length,
    write(piece, { output, seconds, device, batch, memory }) {
      const { rows, texts, padded } = piece;
      const record = work.recorder.microBatch(
        {
          batch,
          model: model.card.key,
          device,
          rows: rows.length,
          tokens: texts.reduce((sum, { ids }) => sum + ids.length, 0),
          paddedTokens: padded.rows * padded.length,
          seconds,
        },
        memory,
      );
      return enqueue({ piece, meta: { rows, block: null, record, event: null, memory }, payload: packOutput(output) });
    },
    event(event, memory) {
      const meta = { rows: [], block: null, record: null, event, memory };
      enqueue({ piece: null, meta, payload: new Uint8Array() }).catch(() => {});
    },
    async settle() {
      await writing;
      await keeping;
    },
  };
}

export function kindOf({ model }: PassInput): RowKind {
  return model.card.pooling === "splade" ? "sparse" : "dense";
}

function hashesOf(prepared: readonly PreparedRow[]): Uint8Array {
  return Buffer.concat(prepared.map(({ hash }) => hash as Uint8Array));
}
