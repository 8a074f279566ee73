import { longestFirst, planBatches } from "../core/batches.js";
import { rowsFailed, stopped } from "../core/errors.js";
import { requireDtype } from "../runtime/devices/dtype.js";
import { CPU, type UsableDevice } from "../runtime/devices/types.js";
import { pacer } from "../runtime/pace.js";
import { padBatch } from "../runtime/tokenizer.js";
import type { TokenizedText } from "../runtime/types.js";
import type { DeviceKind } from "../schema/device-types.js";
import type { StageWork } from "../stage/work.js";
import { driveAll } from "./drive.js";
import { withFleet } from "./fleet.js";
import { frameWriter, type PassJournal, type PreparedPiece, rowsIn } from "./frames.js";
import type { PassInput } from "./input.js";
import { type Piece, workQueue } from "./queue.js";
import type { FailedRow } from "./recover.js";
import { batchRule } from "./rule.js";
import { openTuning } from "./tuning.js";

/**
 * Lets the devices compute every row that stands in no frame of the journal yet.
 *
 * @throws RagError `rows_failed` where single rows fit on no GPU and the settings do not give them to the CPU; those of the devices
 */
export async function computeRows(work: StageWork, input: PassInput, journal: PassJournal): Promise<void> {
  await computeWaiting(work, input, journal);
  notePlan(work, input, journal);
  await noteCpu(work, input, journal);
}

async function computeWaiting(work: StageWork, input: PassInput, journal: PassJournal): Promise<void> {
  const { pieces, lengths } = await waitingPieces(work.deviceKind, input, journal);
  if (pieces.length === 0) return;
  const devices = await work.devices();
  for (const device of devices) requireDtype(input.model.card, input.model.dtype, device);
  noteSimulation(work, input, devices);
  const failed = await computeOn(work, input, journal, devices, pieces, lengths);
  if (failed.length === 0) return;
  if (input.settings.failedRows === "error" || devices.every(({ kind }) => kind === "cpu"))
    throw rowsFailed(await named(input, failed), failed.at(-1)?.words as string);
  const rest = piecesOf(
    failed.map(({ row }) => row),
    lengths,
    batchRule("cpu", input),
  );
  const again = await computeOn(work, input, journal, [CPU], rest, lengths);
  if (again.length > 0) throw rowsFailed(await named(input, again), again.at(-1)?.words as string);
}

async function named(input: PassInput, failed: readonly FailedRow[]) {
  return Promise.all(
    failed.map(async ({ row, length, device }) => ({ name: await input.nameOf(row), length, device })),
  );
}

/**
 * Says where the batches did not follow a plan that stood before: their sizes decide the last bits of vectors. The journal
 * tells, since an attempt that was interrupted may have cut them.
 */
function notePlan(work: StageWork, { model }: PassInput, { plan, frames }: PassJournal): void {
  const { key } = model.card;
  const cosine = model.dtype === "fp16" ? "1e-3" : "1e-6";
  if (plan.queue !== null && plan.queue.rows.length > 0)
    work.note(
      "batches_found",
      `${key}: the devices found out how large their batches may be. Another run may cut them otherwise, and vectors then differ in their last bits (cosine at least 1 - ${cosine}). deterministic: true makes a plan and keeps to it.`,
    );
  const computed = new Set(frames.map(({ meta }) => meta.rows.join()));
  const changed = (plan.batches ?? []).filter(({ rows }) => !computed.has(rows.join())).length;
  if (changed > 0)
    work.note(
      "plan_changed",
      `${key}: ${changed} batches of the plan did not fit and were cut, so vectors may differ in their last bits from a run in which they fit (cosine at least 1 - ${cosine}).`,
      changed,
    );
}

/** Says which rows the CPU computed beside GPUs, in whatever attempt that was. */
async function noteCpu(work: StageWork, input: PassInput, { frames }: PassJournal): Promise<void> {
  if (work.deviceKind === "cpu") return;
  const rows = frames.flatMap(({ meta }) => (meta.record?.device === CPU.name ? meta.rows : []));
  if (rows.length === 0) return;
  const short = await Promise.all(
    rows.slice(0, 20).map(async (row) => {
      const { ids } = (await input.row(row)).tokens();
      return `${await input.nameOf(row)} (${ids.length} tokens)`;
    }),
  );
  const more = rows.length > short.length ? ` and ${rows.length - short.length} more` : "";
  work.note(
    "rows_on_cpu",
    `${input.model.card.key}: ${rows.length} rows do not fit on a GPU even alone, and the CPU computed them: ${short.join(", ")}${more}.`,
    rows.length,
  );
}

/** Says that times and memory are a simulation's, and where vectors are too. */
function noteSimulation(work: StageWork, { model }: PassInput, devices: readonly UsableDevice[]): void {
  const simulated = devices.flatMap(({ provider }) => (provider.kind === "simulated" ? [provider.gpu] : []));
  if (simulated.length === 0) return;
  const drawn = simulated.some(({ compute }) => compute === "hash");
  const rows = drawn
    ? "Its rows are drawn from a hash of each text's tokens and mean nothing"
    : "Its rows are the model's own, computed on the CPU";
  work.note(
    "simulated",
    `${model.card.key} ran on simulated GPUs: times and memory are those of the simulation. ${rows}.`,
  );
}

async function computeOn(
  work: StageWork,
  input: PassInput,
  journal: PassJournal,
  devices: readonly UsableDevice[],
  pieces: readonly Piece[],
  lengths: (row: number) => number,
): Promise<readonly FailedRow[]> {
  const { stage, model, settings, count, unit } = input;
  const onGpu = devices.some(({ kind }) => kind !== "cpu");
  let done = rowsIn(journal);
  let ended = false;
  const over = () => {
    const due = work.due({ model: model.card.key, done, total: count });
    ended ||= due;
    return due;
  };
  const progress = work.progress({ label: `${stage} · ${model.card.key}`, total: count, unit, before: done });
  const writer = frameWriter(work, input, journal, (rows) => {
    done += rows;
    progress.update(done);
  });
  const pace = pacer(work.signal);
  const prepare = async (rows: readonly number[]): Promise<PreparedPiece> => {
    const prepared = await Promise.all(rows.map(input.row));
    const texts: TokenizedText[] = [];
    for (const { tokens } of prepared) {
      texts.push(tokens());
      // Answers of other devices wait for nothing but this.
      const turn = pace();
      if (turn) await turn;
    }
    return { rows, prepared, texts, padded: padBatch(texts, input.padId) };
  };
  const longest = pieces.reduce((most, { length }) => Math.max(most, length), 0);
  const tuned = onGpu && settings.tokenBudget === null && !settings.deterministic;
  const before = journal.frames.length;
  try {
    const fleetInput = {
      ...input,
      devices,
      tuning: tuned ? openTuning(work, input, longest) : null,
      happened: writer.event,
      computed: () => journal.frames.slice(before).flatMap(({ meta }) => meta.record ?? []),
    };
    const failed = await withFleet(work, fleetInput, ({ members, event }) =>
      driveAll({
        model: model.card.key,
        members,
        queue: workQueue(pieces, lengths),
        lengths,
        prepare,
        writer,
        over,
        rules: { cut: !(settings.deterministic && onGpu), restart: onGpu },
        event,
      }),
    );
    await writer.settle();
    // Asked by the rows, not by the clock: behind the session's limit nothing is due any more, and rows may be missing all the same.
    const missing = count - rowsIn(journal) - failed.length;
    if (missing > 0 && ended) throw stopped("before the session's end");
    // No way is known to come here; were there one, a run with holes would be worse than this error.
    if (missing > 0) throw new Error(`${missing} ${unit} were neither computed nor reported`);
    if (failed.length > 0) progress.fail(`${failed.length} ${unit} did not fit`);
    else progress.finish();
    return failed;
  } catch (error) {
    // The cache is closed behind us: nothing may still write to it. What fails there now hides no cause.
    await writer.settle().catch(() => {});
    progress.fail(error instanceof Error ? error.message : String(error));
    throw error;
  }
}

/** The rows that stand in no frame, as the plan has them, and the tokens of each. */
async function waitingPieces(
  kind: DeviceKind,
  input: PassInput,
  journal: PassJournal,
): Promise<{ pieces: Piece[]; lengths: (row: number) => number }> {
  const { plan, frames } = journal;
  const done = new Set<number>();
  for (const { meta } of frames) for (const row of meta.rows) done.add(row);
  const known = new Map<number, number>();
  const lengths = (row: number) => known.get(row) ?? 0;

  const planned: Piece[] = [];
  for (const { rows, paddedTo } of plan.batches ?? []) {
    const left = rows.filter((row) => !done.has(row));
    if (left.length === 0) continue;
    for (const row of left) known.set(row, paddedTo);
    planned.push({ rows: left, length: paddedTo, fixed: true, restarts: 0 });
  }
  const free: number[] = [];
  plan.queue?.rows.forEach((row, i) => {
    if (done.has(row)) return;
    known.set(row, plan.queue?.lengths[i] as number);
    free.push(row);
  });
  // What was kept when the plan was made and is gone now: it is counted again, since no plan has its length.
  const gone = plan.keptBlocks.flatMap((rows) => rows.filter((row) => !done.has(row)));
  for (const row of gone) known.set(row, (await input.row(row)).tokens().ids.length);
  const rule = batchRule(kind, input);
  return {
    pieces: [...planned, ...piecesOf(free, lengths, { ...rule, rowsFor: null }), ...piecesOf(gone, lengths, rule)],
    lengths,
  };
}

function piecesOf(
  rows: readonly number[],
  lengths: (row: number) => number,
  { rowsFor, maxRows }: ReturnType<typeof batchRule>,
): Piece[] {
  if (rows.length === 0) return [];
  const table = new Uint32Array(rows.reduce((most, row) => Math.max(most, row), 0) + 1);
  for (const row of rows) table[row] = lengths(row);
  if (rowsFor) {
    const { batches } = planBatches(table, rowsFor, maxRows, rows);
    return batches.map(({ rows: taken, paddedTo }) => ({ rows: taken, length: paddedTo, fixed: true, restarts: 0 }));
  }
  const order = longestFirst(table, rows);
  return [{ rows: order, length: table[order[0] as number] as number, fixed: false, restarts: 0 }];
}
