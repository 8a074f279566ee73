import { count, counted, duration, short } from "./format.js";
import { findHost } from "./host.js";
import { type ProgressState, progressHtml, progressText } from "./progress-line.js";
import { clip } from "./text.js";

/** What a progress line is about. */
export interface ProgressOptions {
  readonly label: string;
  /** How many units there are to do. Count what costs time: the time left is told from it. */
  readonly total: number;
  /** What is counted, in the plural. */
  readonly unit: string;
  /** Units that an earlier attempt had done: they count for no rate; default 0. */
  readonly before?: number;
}

/** One line that says how far some work is. */
export interface Progress {
  /** Units done so far, those done before included. */
  update(done: number, detail?: string): void;
  /** Leaves a short summary in the line's place. */
  finish(summary?: string): void;
  fail(message: string): void;
}

/** Where a progress line goes. */
export interface ProgressSink {
  show(state: ProgressState): void;
}

/** Milliseconds between two updates: fewer than ten a second, the last one included. */
const INTERVAL = 125;
/** Seconds until a rate is told: the first moments tell nothing of the rest. */
const SETTLED = 0.25;

/**
 * Starts a progress line: updated in place in a notebook, on one line of a
 * terminal's standard error, and nowhere else, so that logs stay clean.
 */
export function progress(options: ProgressOptions): Progress {
  return trackProgress(options, chooseSink(process.stderr));
}

/** The line itself, over any sink and any clock (milliseconds that never go back). */
export function trackProgress(
  options: ProgressOptions,
  sink: ProgressSink | null,
  now = () => performance.now(),
): Progress {
  const { label, unit, before = 0 } = options;
  const total = Math.max(0, options.total);
  const created = now();
  let done = before;
  let detail = "";
  let shownAt = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | null = null;
  let ended = false;

  const state = (outcome: ProgressState["outcome"], message: string): ProgressState => {
    const elapsed = (now() - created) / 1000;
    const told = outcome === "running" ? elapsed >= SETTLED : elapsed > 0;
    const rate = told && done > before ? (done - before) / elapsed : null;
    return { label, unit, total, done, rate, elapsed, detail, outcome, message };
  };
  const show = () => {
    if (timer) clearTimeout(timer);
    timer = null;
    shownAt = now();
    sink?.show(state("running", ""));
  };
  const end = (outcome: "finished" | "failed", message: string) => {
    if (ended) return;
    ended = true;
    if (timer) clearTimeout(timer);
    sink?.show(state(outcome, message));
  };

  return {
    update(units, words = "") {
      if (ended) return;
      done = Math.min(total, Math.max(0, units));
      detail = clip(words, 80);
      const wait = shownAt + INTERVAL - now();
      if (wait <= 0) show();
      else timer ??= setTimeout(show, wait).unref();
    },
    finish(summary) {
      end("finished", summary ?? summaryOf(state("finished", ""), before));
    },
    fail(message) {
      end("failed", `${clip(message, 400)} (after ${duration((now() - created) / 1000)})`);
    },
  };
}

/** What was done before is named apart, since it took none of the time. */
function summaryOf({ done, rate, unit, elapsed }: ProgressState, before: number): string {
  const each = rate === null ? "" : `, ${short(rate)} ${unit}/s`;
  const kept = before > 0 ? `; ${count(before)} done before` : "";
  return `${counted(done - before, unit, unit)} in ${duration(elapsed)}${each}${kept}`;
}

/** The part of a terminal's stream that a progress line needs. */
export interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** The kernel's display where there is one, else the terminal if it is one, else nothing. */
export function chooseSink(terminal: Terminal): ProgressSink | null {
  const host = findHost();
  if (host) {
    const slot = host.newDisplay();
    return { show: (state) => slot.html(progressHtml(state), progressText(state, 200)) };
  }
  if (!terminal.isTTY) return null;
  return {
    show(state) {
      // Back to the line's start, and clear it.
      terminal.write(
        `\r\u001b[2K${progressText(state, (terminal.columns || 80) - 1)}${state.outcome === "running" ? "" : "\n"}`,
      );
    },
  };
}
