import { count, duration, percent, short } from "./format.js";
import { colours } from "./palette.js";
import { escapeHtml, visible } from "./text.js";

/** A moment of some work. */
export interface ProgressState {
  readonly label: string;
  readonly unit: string;
  readonly total: number;
  readonly done: number;
  /** Units per second since the work began; null before that can be told. */
  readonly rate: number | null;
  /** Seconds since the work began. */
  readonly elapsed: number;
  readonly detail: string;
  readonly outcome: "running" | "finished" | "failed";
  /** The last words of finished or failed work. */
  readonly message: string;
}

/** The words of a progress line, without the bar. */
function words(state: ProgressState): string[] {
  const { total, done, unit, rate } = state;
  if (state.outcome !== "running") return [state.message];
  const left = rate && rate > 0 && done < total ? `${duration((total - done) / rate)} left` : "";
  return [
    percent(total > 0 ? done / total : 1),
    `${count(done)} of ${count(total)} ${unit}`,
    rate === null ? "" : `${short(rate)} ${unit}/s`,
    left,
    state.detail,
  ].filter(Boolean);
}

const marks = { running: "", finished: "✓ ", failed: "✗ " } as const;

/** A progress line for a terminal, at most `width` characters. */
export function progressText(state: ProgressState, width: number): string {
  const line = visible(`${marks[state.outcome]}${state.label} · ${words(state).join(" · ")}`);
  const letters = [...line];
  return letters.length <= width ? line : `${letters.slice(0, Math.max(0, width - 1)).join("")}…`;
}

/** A progress line for a notebook. */
export function progressHtml(state: ProgressState): string {
  const share = state.total > 0 ? Math.min(1, state.done / state.total) : 1;
  const bar =
    state.outcome === "running"
      ? `<span role="progressbar" aria-valuemin="0" aria-valuemax="100" aria-valuenow="${Math.floor(share * 100)}" style="display:inline-block;width:140px;height:8px;margin-right:10px;border-radius:4px;overflow:hidden;vertical-align:middle;background:rgba(128,128,128,.25)"><span style="display:block;height:8px;width:${(share * 100).toFixed(1)}%;background:${colours.blue}"></span></span>`
      : "";
  const text = [
    `<bdi>${marks[state.outcome]}${escapeHtml(state.label)}</bdi>`,
    ...words(state).map((part) => `<bdi>${escapeHtml(part)}</bdi>`),
  ].join(" · ");
  const quiet = state.outcome === "finished" ? ";opacity:.75" : "";
  return `<div style="margin:2px 0;font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:12.5px;line-height:1.5;font-variant-numeric:tabular-nums;color:var(--jp-content-font-color1,inherit)${quiet}">${bar}${text}</div>`;
}
