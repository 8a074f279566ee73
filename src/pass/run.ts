import { join } from "node:path";
import { inBatch } from "../core/errors.js";
import { canonicalJson, sha256 } from "../core/hash.js";
import { ENCODER_VERSION } from "../runtime/encoder-version.js";
import type { StageWork } from "../stage.js";
import { type Journal, openJournal } from "../store/journal.js";
import { journalName } from "../store/layout.js";
import { lazyEncoder } from "./encoder.js";
import { fillBlocks, type PassFrame, runBatches } from "./frames.js";
import type { PassInput } from "./input.js";
import { type PassPlan, planPass } from "./plan.js";

/** A finished pass: its plan, and the journal that holds the output of every batch. */
export interface Pass {
  readonly plan: PassPlan;
  readonly journal: Journal<PassFrame, PassPlan>;
  /** Rows that were kept from before and not computed. */
  readonly reused: number;
}

/**
 * Runs a model over all rows in a process of its own: rows sorted by length,
 * batches by token budget, every batch durable before the next counts. Rows that
 * are kept from another run are not computed. Batches that an earlier attempt had
 * finished are taken over, together with its plan. The caller reads the journal's
 * frames (one for each batch of the plan, in its order) and closes it.
 *
 * @throws RagError `stopped`, `inference_process_died` and others, naming stage, model and batch
 */
export async function runPass(work: StageWork, input: PassInput): Promise<Pass> {
  const { model, stage } = input;
  const { key, pooling } = model.card;
  const { fingerprint, dtype } = model;
  const meaning = [ENCODER_VERSION, work.id, work.deviceKind, key, fingerprint, dtype, pooling, input.normalize];
  const journal = await openJournal<PassFrame, PassPlan>(
    join(work.dir, journalName(key)),
    sha256(canonicalJson(meaning)),
    () => makePlan(work, input),
  );
  const { frames, plan } = journal;
  try {
    if (journal.discarded)
      work.note(
        "journal_discarded",
        `What an interrupted attempt had left of ${key} is damaged or of another version, and was computed again.`,
      );
    takeOver(work, journal);
    const encoder = lazyEncoder(work, input);
    try {
      await fillBlocks(work, input, journal, encoder);
      await runBatches(work, input, journal, encoder);
    } finally {
      await encoder.close();
    }
    return { plan, journal, reused: frames.reduce((sum, { meta }) => sum + meta.reused, 0) };
  } catch (error) {
    await journal.close();
    throw inBatch(error, stage, key, frames.length, plan.batches.length);
  }
}

async function makePlan(work: StageWork, input: PassInput): Promise<PassPlan> {
  const from = performance.now();
  const measured = await input.measure();
  const seconds = (performance.now() - from) / 1000;
  work.recorder.phase("tokenize", seconds);
  return planPass(measured, seconds, input, input.kept);
}

/** Counts what an interrupted attempt had done, in telemetry too. */
function takeOver(work: StageWork, { frames, plan }: Journal<PassFrame, PassPlan>): void {
  if (frames.length === 0) return;
  work.recorder.phase("tokenize", plan.tokenizeSeconds);
  for (const { meta } of frames) for (const record of meta.records) work.recorder.takeOver(record, meta.memory);
  work.resumed(frames.filter(({ meta }) => meta.records.length > 0).length);
}
