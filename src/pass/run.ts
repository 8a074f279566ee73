import { join } from "node:path";
import { inPass } from "../core/errors.js";
import { canonicalJson, sha256 } from "../core/hash.js";
import { ENCODER_VERSION } from "../runtime/encoder-version.js";
import type { StageWork } from "../stage/work.js";
import { openJournal } from "../store/journal.js";
import { journalName } from "../store/layout.js";
import { computeRows } from "./compute.js";
import { fillBlocks, type PassJournal, rowsIn } from "./frames.js";
import type { PassInput } from "./input.js";
import { type PassPlan, planPass } from "./plan.js";
import { batchRule } from "./rule.js";

/** The rows that one frame of the journal holds, in the order of its payload. */
export interface PassBatch {
  readonly rows: readonly number[];
  readonly frame: number;
}

/** A finished pass: every row stands in one batch, in the journal's frame that the batch names. */
export interface Pass {
  readonly plan: PassPlan;
  readonly journal: PassJournal;
  readonly batches: readonly PassBatch[];
  /** Rows that were kept from before and not computed. */
  readonly reused: number;
  /** Tokens of texts that the model read, and tokens it computed, padding included. */
  readonly tokens: number;
  readonly paddedTokens: number;
}

/**
 * Runs a model over all rows, on every device that the settings name, each with a
 * process of its own: rows sorted by length, in batches, every batch durable before
 * the next of its device begins. Rows that are kept from another run are not
 * computed. Batches that an earlier attempt had finished are taken over, together
 * with its plan. The caller reads the batches and closes the journal.
 *
 * @throws RagError `stopped`, `device_not_usable`, `device_busy`, `rows_failed`, `inference_process_died` and others, naming stage, model and batch
 */
export async function runPass(work: StageWork, input: PassInput): Promise<Pass> {
  const { model, stage } = input;
  const { key, pooling } = model.card;
  const { fingerprint, dtype } = model;
  const meaning = [ENCODER_VERSION, work.id, work.deviceKind, key, fingerprint, dtype, pooling, input.normalize];
  const journal: PassJournal = await openJournal(join(work.dir, journalName(key)), sha256(canonicalJson(meaning)), () =>
    makePlan(work, input),
  );
  const { frames, plan } = journal;
  try {
    if (journal.discarded)
      work.note(
        "journal_discarded",
        `What an interrupted attempt had left of ${key} is damaged or of another version, and was computed again.`,
      );
    takeOver(work, journal);
    await fillBlocks(work, input, journal);
    await computeRows(work, input, journal);
    const records = frames.flatMap(({ meta }) => meta.record ?? []);
    return {
      plan,
      journal,
      batches: frames.flatMap(({ meta: { rows } }, frame) => (rows.length > 0 ? [{ rows, frame }] : [])),
      reused: frames.reduce((sum, { meta }) => sum + (meta.block === null ? 0 : meta.rows.length), 0),
      tokens: records.reduce((sum, { tokens }) => sum + tokens, 0),
      paddedTokens: records.reduce((sum, { paddedTokens }) => sum + paddedTokens, 0),
    };
  } catch (error) {
    await journal.close();
    throw inPass(error, stage, key, rowsIn(journal), input.count);
  }
}

async function makePlan(work: StageWork, input: PassInput): Promise<PassPlan> {
  const from = performance.now();
  const measured = await input.measure();
  const seconds = (performance.now() - from) / 1000;
  work.recorder.phase("tokenize", seconds);
  return planPass(measured, seconds, batchRule(work.deviceKind, input), input.kept);
}

/** Counts what an interrupted attempt had done, in telemetry too. */
function takeOver(work: StageWork, { frames, plan }: PassJournal): void {
  if (frames.length === 0) return;
  work.recorder.phase("tokenize", plan.tokenizeSeconds);
  const batches = new Set<string>();
  for (const { meta } of frames) {
    if (meta.event) work.recorder.takeOverEvent(meta.event, meta.memory);
    if (!meta.record) continue;
    work.recorder.takeOver(meta.record, meta.memory);
    batches.add(`${meta.record.device} ${meta.record.batch}`);
  }
  work.resumed(batches.size);
}
