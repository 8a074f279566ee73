import { batchTooLarge, outOfMemory, RagError, wordsOf } from "../core/errors.js";
import type { BatchReport } from "../runtime/types.js";
import type { DeviceEvent } from "../schema/device-types.js";
import type { MemorySample } from "../telemetry/recorder.js";
import type { FrameWriter, PreparedBatch } from "./frames.js";
import { nextStep, rungAfter, type Step, type Trouble } from "./ladder.js";
import type { Member } from "./member.js";
import { cut, type Piece, type WorkQueue } from "./queue.js";
import { troubleOf } from "./trouble.js";

/** A row that did not fit on a device, even alone in a fresh process. */
export interface FailedRow {
  readonly row: number;
  readonly length: number;
  readonly device: string;
  readonly words: string;
}

/** What the devices of a pass share. */
export interface DriveInput {
  /** Names the model in errors. */
  readonly model: string;
  readonly members: readonly Member[];
  readonly queue: WorkQueue;
  readonly lengths: (row: number) => number;
  readonly prepare: (rows: readonly number[]) => Promise<PreparedBatch>;
  readonly writer: FrameWriter;
  /** Whether no device may begin another batch; those under way are finished. Absent for never. */
  readonly over?: () => boolean;
  readonly rules: { readonly cut: boolean; readonly restart: boolean };
  readonly event: (event: Omit<DeviceEvent, "at" | "model">) => void;
}

/** Rows that fail one after another, with none that fits between them, before the device itself is taken to be at fault. */
const MOST_FAILED_IN_A_ROW = 16;

/** Rows that fail one after another before the long ones are put off. */
const DEFER_AFTER = 2;

interface Failure {
  readonly trouble: Trouble;
  readonly cause: unknown;
  readonly words: string;
  readonly rows: number;
  readonly length: number;
  /** A row alone that was not tried, because it is known not to fit. */
  readonly known: boolean;
}

interface Claim {
  readonly piece: Piece;
  readonly batch: Promise<PreparedBatch>;
}

/**
 * Lets every device take from the queue until it is empty and all are done. A device
 * tokenises its next batch while it computes, and sends it when the one before is
 * durable, so that a kill costs one batch a device at most. Rows that a device could
 * not compute go back to the queue, or, alone, to those that failed.
 *
 * @returns rows that failed, in no order
 * @throws RagError the first error that no step of the ladder is for; all devices stop then
 */
export async function driveAll(input: DriveInput): Promise<FailedRow[]> {
  const { members, queue, rules } = input;
  const failed: FailedRow[] = [];
  const claims = new Map<Member, Claim>();
  /** What a device tries again: it alone has climbed the ladder for it. */
  const retries = new Map<Member, Piece>();
  let busy = 0;
  let failedInARow = 0;
  let deferred = false;
  let error: unknown = null;
  let wake: () => void = () => {};
  let changed = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const change = () => {
    wake();
    changed = new Promise<void>((resolve) => {
      wake = resolve;
    });
  };

  const claimOf = (piece: Piece): Claim => {
    const batch = input.prepare(piece.rows);
    batch.catch(() => {}); // Thrown where it is awaited.
    return { piece, batch };
  };
  const takeFor = (member: Member): Claim | null => {
    const piece = queue.take((length) => member.rowsFor(length), members.length);
    return piece && claimOf(piece);
  };
  /** A claim that another device has not begun, when nothing else is left. */
  const steal = (): Claim | null => {
    for (const [member, claim] of claims) {
      claims.delete(member);
      return claim;
    }
    return null;
  };
  const next = async (member: Member): Promise<Claim | null> => {
    for (;;) {
      if (error || input.over?.()) return null;
      const again = retries.get(member);
      const ahead = claims.get(member);
      if (again) retries.delete(member);
      else claims.delete(member);
      const claim = again ? claimOf(again) : (ahead ?? takeFor(member) ?? steal());
      if (claim) {
        busy++;
        return claim;
      }
      if (busy === 0) return null;
      await changed;
    }
  };

  /** Computes a claim, whatever it takes; what is left of it goes back to the queue. */
  const compute = async (member: Member, claim: Claim): Promise<void> => {
    const batch = await claim.batch;
    if (error) return;
    const { rows, length } = batch.padded;
    try {
      await member.load();
      const tooLong = rows === 1 && member.rowsFor(length) === 0;
      if (tooLong) throw outOfMemory(input.model, { rows, length }, member.whyNone(length));
      const from = performance.now();
      const answering = member.encode(batch.padded);
      const ahead = takeFor(member);
      if (ahead) claims.set(member, ahead);
      change();
      const { output, report, peakBytes } = await answering;
      const memory = member.device.kind === "cpu" ? residentSet(report) : member.memory(peakBytes);
      await input.writer.write(batch, { output, seconds: report.runSeconds, device: member.device.name, memory });
      member.budget()?.observe({ rows, length, seconds: (performance.now() - from) / 1000, peakBytes });
      member.rung = 0;
      failedInARow = 0;
    } catch (cause) {
      const trouble = troubleOf(cause, member);
      if (error) return;
      if (!trouble) throw cause;
      const ahead = claims.get(member);
      claims.delete(member);
      if (ahead) queue.giveBack(ahead.piece);
      const known = rows === 1 && member.rowsFor(length) === 0 && trouble === "out_of_memory";
      // What is known not to fit is not tried: it could take more than the cap and still come back.
      const step = known ? "fail_row" : nextStep(trouble, { rows, restarts: claim.piece.restarts }, member.rung, rules);
      const words = member.watchdog ?? wordsOf(cause);
      await take(step, member, claim, { trouble, cause, words, rows, length, known });
    }
  };

  const take = async (
    step: Step,
    member: Member,
    { piece }: Claim,
    { trouble, cause, words, rows, length, known }: Failure,
  ): Promise<void> => {
    const memory = trouble === "out_of_memory" || trouble === "watchdog";
    // A row alone gets its fresh session and process before it counts as one that can't fit.
    if (memory && (rows > 1 || step === "fail_row")) member.budget()?.outOfMemory(rows, length);
    const tell = (kind: DeviceEvent["kind"]) => input.event({ device: member.device.name, kind, rows, length, words });
    if (trouble === "watchdog" || trouble === "timeout") tell(trouble);
    member.rung = rungAfter(step, member.rung);
    if (step === "give_up") {
      if (memory) throw batchTooLarge(member.device.name, rows, length, words);
      throw cause;
    }
    if (trouble !== "out_of_memory" || step === "new_process") await member.end();
    member.watchdog = null;
    if (step === "fail_row") {
      tell("row_failed");
      failed.push({ row: piece.rows[0] as number, length, device: member.device.name, words });
      if (!known && ++failedInARow >= MOST_FAILED_IN_A_ROW) throw member.tooSmall(length, words);
      if (failedInARow === DEFER_AFTER && !deferred) {
        // Each long row would cost a process. Shorter ones tell how much a row takes, and then it is known which are too long.
        deferred = true;
        queue.defer(length / 2);
      }
      return;
    }
    if (step === "halve") {
      tell("halved");
      const [half, rest] = cut({ ...piece, fixed: true }, Math.ceil(piece.rows.length / 2), input.lengths);
      retries.set(member, half);
      if (rest) queue.giveBack({ ...rest, fixed: piece.fixed });
    } else if (step === "restart") {
      tell("restarted");
      retries.set(member, { ...piece, fixed: true, restarts: piece.restarts + 1 });
    } else {
      tell(step);
      retries.set(member, { ...piece, fixed: true });
      if (step === "new_session") await renew(member, tell);
    }
  };

  /** A process that can make no other session, or was ended for its memory meanwhile, has had its chance: the next rung is a fresh one. */
  const renew = async (member: Member, tell: (kind: DeviceEvent["kind"]) => void): Promise<void> => {
    try {
      await member.renew();
    } catch (cause) {
      if (error) return;
      if (cause instanceof RagError && cause.code === "stopped") throw cause;
      if (member.watchdog) tell("watchdog");
      await member.end();
      member.watchdog = null;
      member.rung = rungAfter("new_process", member.rung);
      tell("new_process");
    }
  };

  const drive = async (member: Member): Promise<void> => {
    for (;;) {
      const claim = await next(member);
      if (!claim) return;
      try {
        await compute(member, claim);
      } finally {
        busy--;
        change();
      }
    }
  };

  await Promise.all(
    members.map((member) =>
      drive(member).catch((cause) => {
        // The first one tells what happened; the others fail because they are stopped.
        error ??= cause;
        for (const other of members) other.kill("another device failed");
        change();
      }),
    ),
  );
  if (error) throw error;
  return failed;
}

/** What the CPU's frames say of memory, so that an attempt that goes on knows what the one before it took. */
function residentSet({ rssBytes, peakRssBytes }: BatchReport): MemorySample {
  return {
    source: "resident set of the inference process",
    interval: "at the end of every batch; the peak is the system's own high-water mark",
    capBytes: null,
    bytes: rssBytes,
    peakBytes: peakRssBytes,
  };
}
