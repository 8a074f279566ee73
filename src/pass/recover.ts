import { batchTooLarge, RagError, wordsOf } from "../core/errors.js";
import type { DeviceEvent } from "../schema/device-types.js";
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

/** What is done about batches that did not come back. */
export interface Recovery {
  /** Rows that failed, in no order. */
  readonly failed: readonly FailedRow[];
  /** What a device has to try again before anything else: it alone has climbed the ladder for it. */
  again(member: Member): Piece | null;
  /** What a smaller device could not compute, to be tried when nothing else is left: by then it is known how much rows take. */
  handedOn(member: Member): Piece | null;
  /** A device has computed something. */
  computed(member: Member): void;
  /**
   * Takes the next step with what a device did not compute: whatever of it is not tried again there goes back to the queue.
   *
   * @param pieces those that were not computed, if any; the first is the one that failed, if not all went with their process
   * @throws RagError the error that no step is for
   */
  recover(member: Member, pieces: readonly Piece[], cause: unknown): Promise<void>;
}

/** What recovering needs to know of its pass. */
export interface RecoveryInput {
  readonly members: readonly Member[];
  readonly queue: WorkQueue;
  readonly lengths: (row: number) => number;
  readonly rules: { readonly cut: boolean; readonly restart: boolean };
  readonly event: (event: Omit<DeviceEvent, "at" | "model">) => void;
  /** Whether the pass has failed meanwhile. */
  readonly over: () => boolean;
}

/** Rows that fail one after another, with none that fits between them, before the device itself is taken to be at fault. */
const MOST_FAILED_IN_A_ROW = 16;

/** Rows that fail one after another before the long ones are put off. */
const DEFER_AFTER = 2;

type Tell = (kind: DeviceEvent["kind"]) => void;

/** Whether not even one row of such a piece may be tried: it could take more than the cap and still come back. */
export function isKnownTooLong(member: Member, { rows, length }: Piece): boolean {
  return rows.length === 1 && member.rowsFor(length) === 0;
}

/** Nothing has failed yet. */
export function openRecovery({ members, queue, lengths, rules, event, over }: RecoveryInput): Recovery {
  const failed: FailedRow[] = [];
  const retries = new Map<Member, Piece[]>();
  const handed = new Map<Member, Piece[]>();
  let failedInARow = 0;
  let deferred = false;

  const retry = (member: Member, ...pieces: readonly Piece[]) => {
    retries.set(member, [...pieces.map((piece) => ({ ...piece, fixed: true })), ...(retries.get(member) ?? [])]);
  };

  /** Which of several pieces took the process with it is not known: each is tried again by itself, in half where memory was near the cap. */
  const all = async (member: Member, pieces: readonly Piece[], trouble: Trouble, cause: unknown, tell: Tell) => {
    await member.end();
    member.watchdog = null;
    if (trouble !== "watchdog") {
      const restarts = Math.max(...pieces.map((piece) => piece.restarts));
      if (nextStep(trouble, { rows: pieces.length, restarts }, member.rung, rules) === "give_up") throw cause;
      tell("restarted");
      retry(member, ...pieces.map((piece) => ({ ...piece, restarts: piece.restarts + 1 })));
      return;
    }
    const [{ rows, length }] = pieces as readonly [Piece];
    if (rows.length > 1) member.budget()?.outOfMemory(rows.length, length);
    const step = rules.cut && pieces.some((piece) => piece.rows.length > 1) ? "halve" : "new_process";
    tell(step === "halve" ? "halved" : step);
    member.rung = rungAfter(step, member.rung);
    const halves = (piece: Piece) =>
      cut(piece, Math.ceil(piece.rows.length / 2), lengths).filter((half) => half !== null);
    retry(member, ...(step === "halve" ? pieces.flatMap(halves) : pieces));
  };

  const one = async (member: Member, piece: Piece, trouble: Trouble, cause: unknown, tell: Tell) => {
    const { length } = piece;
    const rows = piece.rows.length;
    const memory = trouble === "out_of_memory" || trouble === "watchdog";
    const words = member.watchdog ?? wordsOf(cause);
    const known = isKnownTooLong(member, piece) && trouble === "out_of_memory";
    const step: Step = known ? "fail_row" : nextStep(trouble, { rows, restarts: piece.restarts }, member.rung, rules);
    // A row alone gets its fresh session and process before it counts as one that can't fit.
    if (memory && (rows > 1 || step === "fail_row")) member.budget()?.outOfMemory(rows, length);
    member.rung = rungAfter(step, member.rung);
    if (step === "give_up") {
      if (memory) throw batchTooLarge(member.device.name, rows, length, words);
      throw cause;
    }
    if (trouble !== "out_of_memory" || step === "new_process") await member.end();
    member.watchdog = null;
    if (step === "fail_row") {
      const larger = members.find(({ limitBytes }) => limitBytes > member.limitBytes);
      if (larger) handed.set(larger, [...(handed.get(larger) ?? []), { ...piece, fixed: true }]);
      else {
        tell("row_failed");
        failed.push({ row: piece.rows[0] as number, length, device: member.device.name, words });
      }
      if (!known && ++failedInARow >= MOST_FAILED_IN_A_ROW && !larger) throw member.tooSmall(length, words);
      if (failedInARow === DEFER_AFTER && !deferred) {
        // Each long row would cost a process. Shorter ones tell how much a row takes, and then it is known which are too long.
        deferred = true;
        queue.defer(length / 2);
      }
      return;
    }
    if (step === "halve") {
      tell("halved");
      const [half, rest] = cut(piece, Math.ceil(rows / 2), lengths);
      retry(member, half);
      if (rest) queue.giveBack(rest);
    } else if (step === "restart") {
      tell("restarted");
      retry(member, { ...piece, restarts: piece.restarts + 1 });
    } else {
      tell(step);
      retry(member, piece);
      if (step === "new_session") await renew(member, tell);
    }
  };

  /** A process that can make no other session, or was ended for its memory meanwhile, has had its chance: the next rung is a fresh one. */
  const renew = async (member: Member, tell: Tell): Promise<void> => {
    try {
      await member.renew();
    } catch (cause) {
      if (over()) return;
      if (cause instanceof RagError && cause.code === "stopped") throw cause;
      if (member.watchdog) tell("watchdog");
      await member.end();
      member.watchdog = null;
      member.rung = rungAfter("new_process", member.rung);
      tell("new_process");
    }
  };

  return {
    failed,
    again: (member) => retries.get(member)?.shift() ?? null,
    handedOn: (member) => handed.get(member)?.shift() ?? null,
    computed(member) {
      member.rung = 0;
      failedInARow = 0;
    },
    async recover(member, pieces, cause) {
      const trouble = troubleOf(cause, member);
      if (!trouble) throw cause;
      const gone = trouble !== "out_of_memory" && trouble !== "refused";
      const [first, ...others] = pieces;
      const suspects = gone ? pieces : pieces.slice(0, 1);
      if (!gone) queue.giveBack(...others);
      const rows = suspects.reduce((sum, piece) => sum + piece.rows.length, 0);
      const words = member.watchdog ?? wordsOf(cause);
      const tell: Tell = (kind) => event({ device: member.device.name, kind, rows, length: first?.length ?? 0, words });
      if (trouble === "watchdog" || trouble === "timeout") tell(trouble);
      if (!first) {
        // All had come back when the process went: the next batch gets a fresh one.
        tell("restarted");
        await member.end();
        member.watchdog = null;
      } else if (suspects.length > 1) await all(member, suspects, trouble, cause, tell);
      else await one(member, first, trouble, cause, tell);
    },
  };
}
