import { type Batch, planBatches } from "../core/batches.js";
import { joinRows, packOutput, type RowKind, splitRows } from "../runtime/row-bytes.js";
import { padBatch } from "../runtime/tokenizer.js";
import type { BatchReport, TokenizedText } from "../runtime/types.js";
import type { BatchRecord } from "../schema/types.js";
import type { StageWork } from "../stage.js";
import type { Journal } from "../store/journal.js";
import type { MemorySample } from "../telemetry/recorder.js";
import type { LazyEncoder } from "./encoder.js";
import type { PassInput, PreparedRow } from "./input.js";
import type { PassPlan } from "./plan.js";

/** What the journal says of one batch, or of one block of kept rows. */
export interface PassFrame {
  /** What the model computed for it: one record for a batch, none for a block that was all there. */
  readonly records: readonly BatchRecord[];
  readonly memory: MemorySample | null;
  /** Rows that were kept from before and not computed. */
  readonly reused: number;
}

type PassJournal = Journal<PassFrame, PassPlan>;

/** Journals the kept rows, block by block. What was kept when the plan was made and is gone now, the model computes. */
export async function fillBlocks(
  work: StageWork,
  input: PassInput,
  journal: PassJournal,
  encoder: LazyEncoder,
): Promise<void> {
  const { kept, model } = input;
  const { batches, keptBlocks } = journal.plan;
  const kind = kindOf(input);
  while (journal.frames.length < keptBlocks) {
    work.signal.throwIfAborted();
    work.betweenBatches({ model: model.card.key, done: journal.frames.length, batches: batches.length });
    const { rows } = batches[journal.frames.length] as Batch;
    const prepared = await Promise.all(rows.map(input.row));
    const found = kept ? await work.recorder.timed("reuse", () => kept.take(hashesOf(prepared))) : rows.map(() => null);
    const out = [...found];
    const gone = rows.flatMap((_, i) => (found[i] ? [] : [i]));
    const records: BatchRecord[] = [];
    let memory: MemorySample | null = null;
    const texts = new Map(gone.map((i) => [i, (prepared[i] as PreparedRow).tokens()]));
    const lengths = rows.map((_, i) => texts.get(i)?.ids.length ?? 0);
    for (const batch of planBatches(lengths, input.tokenBudget, input.maxRows, gone).batches) {
      const mine = batch.rows.map((i) => prepared[i] as PreparedRow);
      const sent = batch.rows.map((i) => texts.get(i) as TokenizedText);
      const { output, report } = await (await encoder.get()).encode(padBatch(sent, input.padId));
      const payload = packOutput(output);
      for (const [r, row] of splitRows(payload, kind, mine.length).entries()) out[batch.rows[r] as number] = row;
      memory = sampleOf(report);
      records.push(work.recorder.batch(recordOf(model.card.key, journal.frames.length, batch, sent, report), memory));
      await keep(work, input, mine, payload);
    }
    const frame = { records, memory, reused: rows.length - gone.length };
    await work.recorder.timed("journal", () => journal.append(frame, joinRows(out as Uint8Array[], kind)));
  }
}

/** Lets the model compute the batches that are not journaled yet. */
export async function runBatches(
  work: StageWork,
  input: PassInput,
  journal: PassJournal,
  encoder: LazyEncoder,
): Promise<void> {
  const { batches } = journal.plan;
  const { frames } = journal;
  if (frames.length === batches.length) return;
  const model = input.model.card.key;
  const loaded = await encoder.get();
  let done = batches.slice(0, frames.length).reduce((sum, { rows }) => sum + rows.length, 0);
  const progress = work.progress({
    label: `${input.stage} · ${model}`,
    total: input.count,
    unit: input.unit,
    before: done,
  });
  try {
    // The next batch is tokenised meanwhile, but sent only when this one is durable: a kill costs one batch at most.
    const prepare = async (index: number) => {
      const prepared = await Promise.all((batches[index] as Batch).rows.map(input.row));
      const texts = prepared.map(({ tokens }) => tokens());
      return { prepared, texts, padded: padBatch(texts, input.padId) };
    };
    let next = prepare(frames.length);
    for (let index = frames.length; index < batches.length; index++) {
      work.betweenBatches({ model, done: index, batches: batches.length });
      const { prepared, texts, padded } = await next;
      const answer = loaded.encode(padded);
      if (index + 1 < batches.length) {
        next = prepare(index + 1);
        next.catch(() => {}); // Thrown where it is awaited, if this batch does not fail first.
      }
      const { output, report } = await answer;
      const batch = batches[index] as Batch;
      const memory = sampleOf(report);
      const record = work.recorder.batch(recordOf(model, index, batch, texts, report), memory);
      const payload = packOutput(output);
      await work.recorder.timed("journal", () => journal.append({ records: [record], memory, reused: 0 }, payload));
      await keep(work, input, prepared, payload);
      done += batch.rows.length;
      progress.update(done);
    }
    progress.finish();
  } catch (error) {
    progress.fail(error instanceof Error ? error.message : String(error));
    throw error;
  }
}

async function keep(
  work: StageWork,
  input: PassInput,
  prepared: readonly PreparedRow[],
  payload: Uint8Array,
): Promise<void> {
  const { kept } = input;
  if (!kept) return;
  await work.recorder.timed("keep", () =>
    kept.keep(hashesOf(prepared), splitRows(payload, kindOf(input), prepared.length)),
  );
}

function kindOf({ model }: PassInput): RowKind {
  return model.card.pooling === "splade" ? "sparse" : "dense";
}

function hashesOf(prepared: readonly PreparedRow[]): Uint8Array {
  return Buffer.concat(prepared.map(({ hash }) => hash as Uint8Array));
}

function recordOf(
  model: string,
  index: number,
  batch: Batch,
  texts: readonly TokenizedText[],
  report: BatchReport,
): Omit<BatchRecord, "at"> {
  return {
    index,
    model,
    device: "cpu",
    rows: batch.rows.length,
    tokens: texts.reduce((sum, { ids }) => sum + ids.length, 0),
    paddedTokens: batch.rows.length * batch.paddedTo,
    seconds: report.runSeconds,
  };
}

function sampleOf(report: BatchReport): MemorySample {
  return {
    source: "resident set of the inference process",
    interval: "at the end of every batch; the peak is the system's own high-water mark",
    capBytes: null,
    bytes: report.rssBytes,
    peakBytes: report.peakRssBytes,
  };
}
