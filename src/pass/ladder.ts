/** Why a batch did not come back. */
export type Trouble = "out_of_memory" | "watchdog" | "timeout" | "died" | "refused";

/**
 * What to do about it. `halve`: again with half the rows, in the same session. `new_session`, `new_process`:
 * again in a fresh one. `fail_row`: this one row does not fit. `restart`: again in a fresh process, since anything may
 * be wrong in the old one. `give_up`: the pass ends with the error.
 */
export type Step = "halve" | "new_session" | "new_process" | "fail_row" | "restart" | "give_up";

/** How far up a device is: failures for want of memory since the last batch that was computed there. */
export type Rung = number;

/** Fresh processes that one batch may cost for other reasons than memory. */
export const MOST_RESTARTS = 2;

/**
 * The next step after a failure. Want of memory climbs the ladder: half the rows in
 * the same session; a new session, since the old one's arena is full of pieces that
 * fit nothing; a new process; then half again, down to a row alone. So a batch of n
 * rows ends after at most 3 + log2(n) failures in a row, one way or another.
 *
 * @param piece rows of the batch, and the processes that it has cost before
 * @param rules whether a batch may be cut, and whether other errors are worth a fresh process
 */
export function nextStep(
  trouble: Trouble,
  piece: { readonly rows: number; readonly restarts: number },
  rung: Rung,
  rules: { readonly cut: boolean; readonly restart: boolean },
): Step {
  if (trouble !== "out_of_memory" && trouble !== "watchdog")
    return rules.restart && piece.restarts < MOST_RESTARTS ? "restart" : "give_up";
  const alone = piece.rows === 1;
  // The watchdog has ended the process already: there is no session to go on with.
  if (trouble === "watchdog") {
    if (!alone && rules.cut) return "halve";
    if (rung < 3) return "new_process";
    return alone ? "fail_row" : "give_up";
  }
  if (rung === 0 && !alone && rules.cut) return "halve";
  if (rung <= 1) return "new_session";
  if (rung === 2) return "new_process";
  if (alone) return "fail_row";
  return rules.cut ? "halve" : "give_up";
}

/** The rung after a step. A new process is the top: from there only fewer rows can help. */
export function rungAfter(step: Step, rung: Rung): Rung {
  if (step === "halve") return rung === 0 ? 1 : rung;
  if (step === "new_session") return 2;
  if (step === "new_process") return 3;
  // The next row did nothing wrong: it gets a fresh session and a fresh process of its own before it fails too.
  if (step === "fail_row") return 1;
  return rung;
}
