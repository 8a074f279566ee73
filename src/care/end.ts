import type { Care } from "./care.js";

/** Longest time that a timer takes. */
const MOST_TIMER_MS = 2 ** 31 - 1;

/** How far a pass has come. */
export interface PassProgress {
  readonly model: string;
  /** Rows that are done and durable, of all. */
  readonly done: number;
  readonly total: number;
}

/** The end of the session, as a stage that runs sees it. */
export interface SessionEnd {
  /** Whether so little time is left that the stage was stopped. */
  readonly reached: boolean;
  readonly progress: PassProgress | null;
  /** Aborts what has no batches, or hangs in one, when half of the margin is left: packing takes time too. */
  readonly signal: AbortSignal;
  /** Asked between two batches: whether no other may begin, since less than the margin is left. */
  due(progress: PassProgress): boolean;
  dispose(): void;
}

/** Whether work may not begin, or go on: less than the margin is left. Behind the limit nothing is: it was not the right one. */
export function isDue(care: Care): boolean {
  const left = care.secondsLeft();
  return left !== null && left > 0 && left < care.marginSeconds;
}

/** Watches the session's end while a stage runs. */
export function watchEnd(care: Care): SessionEnd {
  const controller = new AbortController();
  const left = care.secondsLeft();
  let reached = false;
  let progress: PassProgress | null = null;
  let timer: NodeJS.Timeout | undefined;
  if (left !== null && left > 0 && care.marginSeconds > 0) {
    const end = () => {
      reached = true;
      controller.abort();
    };
    const wait = Math.max(0, (left - care.marginSeconds / 2) * 1000);
    if (wait < MOST_TIMER_MS) timer = setTimeout(end, wait);
  }
  return {
    get reached() {
      return reached;
    },
    get progress() {
      return progress;
    },
    signal: controller.signal,
    due(now) {
      progress = now;
      care.tick();
      const due = now.done < now.total && isDue(care);
      reached ||= due;
      return due;
    },
    dispose: () => clearTimeout(timer),
  };
}
