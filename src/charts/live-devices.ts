import type { MemorySeries } from "../schema/types.js";
import type { Band } from "./bands.js";
import { keepPeaks } from "./downsample.js";
import { duration, memoryBeside, percent } from "./format.js";
import { type DisplaySlot, findHost } from "./host.js";
import { chartImage } from "./html.js";
import { renderChart } from "./render.js";
import { memoryChart } from "./spec-time.js";
import { clip, escapeHtml, visible } from "./text.js";

/** Memory and use of one device, as they were just read. */
export interface LiveReading {
  /** Such as `cuda:0`. */
  readonly device: string;
  readonly usedBytes: number;
  /** 0..1; null where nothing tells. */
  readonly utilisation: number | null;
}

/** What a live chart is about. */
export interface LiveOptions {
  /** The cap, drawn as a rule. */
  readonly capBytes: number;
  /** What is read, such as `nvidia-smi memory.used`, and how often. */
  readonly source: string;
  readonly interval: string;
}

/** Devices at work, as a chart that is drawn anew in its place. */
export interface LiveDevices {
  /**
   * Takes readings, as often as they come.
   *
   * @param running what computes now, such as `dense · bge-m3`: the bands of the chart
   */
  update(readings: readonly LiveReading[], running: string): void;
  /** Leaves one line with the peaks in the chart's place. Safe to call twice. */
  finish(): void;
}

/** Milliseconds between two pictures. */
const INTERVAL = 1000;
/** Points of a line: twice as many are thinned to that, and no peak is lost. */
const MOST_POINTS = 200;
/** Devices and bands; more are not drawn. */
const [MOST_DEVICES, MOST_BANDS] = [8, 24];

interface Line {
  points: { at: number; bytes: number }[];
  peakBytes: number;
}

/** What the charts of one session have shown so far: each goes on where the last one ended, so that its stages stand beside each other as bands. */
export interface LiveTimeline {
  readonly lines: Map<string, Line>;
  readonly bands: { name: string; from: number; to: number }[];
  /** Seconds in which devices were at work; the time between stages does not count. */
  seconds: number;
}

export function newTimeline(): LiveTimeline {
  return { lines: new Map(), bands: [], seconds: 0 };
}

/**
 * Starts a live chart of memory: a line for each device, the cap, and what ran as
 * bands. In a notebook it is drawn at most once a second, in one place and with
 * a fixed size, so that nothing jumps; viewers without HTML get one line of text.
 * Elsewhere nothing is shown: the progress line tells how far the work is. A chart
 * that can't be drawn is left out: it must not cost the work.
 */
export function liveDevices(options: LiveOptions, timeline: LiveTimeline): LiveDevices {
  return trackDevices(options, findHost()?.newDisplay() ?? null, timeline);
}

/** The chart itself, over any slot and any clock (milliseconds that never go back). */
export function trackDevices(
  { capBytes, source, interval }: LiveOptions,
  slot: DisplaySlot | null,
  timeline = newTimeline(),
  now = () => performance.now(),
): LiveDevices {
  const start = now();
  const { lines, bands, seconds: before } = timeline;
  const latest = new Map<string, LiveReading>();
  /** Peaks since this chart began. */
  const peaks = new Map<string, number>();
  let drawnAt = Number.NEGATIVE_INFINITY;
  let drawing = false;
  let timer: NodeJS.Timeout | null = null;
  let ended = false;
  let broken = false;

  const series = (): MemorySeries[] =>
    [...lines].map(([device, { points, peakBytes }]) => ({ device, source, interval, capBytes, peakBytes, points }));

  const draw = async (): Promise<void> => {
    timer = null;
    if (drawing || ended || broken) return;
    drawing = true;
    drawnAt = now();
    try {
      const chart = memoryChart(series(), bands as readonly Band[]);
      const svg = chart && (await renderChart(chart));
      if (chart && svg && !ended)
        slot?.html(liveHtml(chartImage(chart, svg), latestOf(latest, capBytes)), latestOf(latest, capBytes));
    } catch {
      broken = true;
    } finally {
      drawing = false;
    }
  };

  return {
    update(readings, running) {
      if (ended || slot === null) return;
      const at = before + (now() - start) / 1000;
      timeline.seconds = at;
      for (const reading of readings) {
        take(lines, reading, at);
        latest.set(reading.device, reading);
        peaks.set(reading.device, Math.max(peaks.get(reading.device) ?? 0, reading.usedBytes));
      }
      const band = bands.at(-1);
      if (band?.name === running) band.to = at;
      else if (bands.length < MOST_BANDS) {
        if (band) band.to = at;
        bands.push({ name: running, from: at, to: at });
      }
      const wait = drawnAt + INTERVAL - now();
      if (wait <= 0) void draw();
      else timer ??= setTimeout(() => void draw(), wait).unref();
    },
    finish() {
      if (timer) clearTimeout(timer);
      if (ended) return;
      ended = true;
      if (peaks.size === 0) return;
      const words = peaksOf(peaks, capBytes, (now() - start) / 1000);
      slot?.html(lineHtml(words), words);
    },
  };
}

function take(lines: Map<string, Line>, reading: LiveReading, at: number): void {
  const line = lines.get(reading.device);
  if (!line && lines.size >= MOST_DEVICES) return;
  const kept = line ?? { points: [], peakBytes: 0 };
  lines.set(reading.device, kept);
  kept.peakBytes = Math.max(kept.peakBytes, reading.usedBytes);
  kept.points.push({ at, bytes: reading.usedBytes });
  if (kept.points.length > 2 * MOST_POINTS)
    kept.points = [...keepPeaks(kept.points, ({ bytes }) => bytes, MOST_POINTS).kept];
}

/** `cuda:0 6.1 of 12 GB, 98 % · cuda:1 ...` */
function latestOf(readings: ReadonlyMap<string, LiveReading>, capBytes: number): string {
  const words = [...readings].slice(0, MOST_DEVICES).map(([device, { usedBytes, utilisation }]) => {
    const use = utilisation === null ? "" : `, ${percent(utilisation)} in use`;
    return `${clip(device, 20)} ${memoryBeside(usedBytes, capBytes)} of ${memoryBeside(capBytes, capBytes)}${use}`;
  });
  return visible(words.join(" · "));
}

function peaksOf(peaks: ReadonlyMap<string, number>, capBytes: number, seconds: number): string {
  const words = [...peaks]
    .slice(0, MOST_DEVICES)
    .map(
      ([device, peakBytes]) =>
        `${clip(device, 20)} peaked at ${memoryBeside(peakBytes, capBytes)} of ${memoryBeside(capBytes, capBytes)}`,
    );
  return visible(`${words.join(" · ")} in ${duration(seconds)}`);
}

const STYLE =
  "margin:2px 0;font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:12.5px;line-height:1.5;font-variant-numeric:tabular-nums;color:var(--jp-content-font-color1,inherit)";

function liveHtml(picture: string, words: string): string {
  return `<div style="${STYLE}"><div style="white-space:nowrap">${escapeHtml(words)}</div><div style="width:360px;max-width:100%">${picture}</div></div>`;
}

function lineHtml(words: string): string {
  return `<div style="${STYLE};opacity:.75">${escapeHtml(words)}</div>`;
}
