import type { DiskUse, GpuTime, SessionStatus, TimeLeft } from "../schema/session-status-types.js";
import type { Card, CardNote } from "./card-types.js";
import { bytes, count } from "./format.js";
import { clipFront } from "./text.js";

/** Used up to here, a quota is worth a warning. */
const NEARLY = 0.9;

/** A card with one line more: what is left of the session's time, GPU hours and disk. */
export function withLeft(card: Card, status: SessionStatus): Card {
  const note = leftNote(status);
  return note === null ? card : { ...card, notes: [...card.notes, note] };
}

/** The line, short enough for a text card; null where nothing is limited. */
export function leftNote({ time, gpu, disk }: SessionStatus): CardNote | null {
  const parts = [
    ...(time ? [timeWords(time)] : []),
    ...(gpu ? [`GPU ${hoursOf(gpu)} (rag-cells' own count)`] : []),
    ...(disk ? [`disk ${diskWords(disk)}`] : []),
  ];
  if (parts.length === 0) return null;
  const warn = (time && timeIsShort(time)) || (gpu && gpuIsShort(gpu)) || (disk && diskIsShort(disk));
  return { text: parts.join(" · "), tone: warn ? "warn" : "plain" };
}

/** `7 h 12 min of 12 h left`. */
export function timeWords({ limitSeconds, leftSeconds }: TimeLeft): string {
  return leftSeconds > 0
    ? `${hoursAndMinutes(leftSeconds)} of ${hoursAndMinutes(limitSeconds)} left`
    : `the limit of ${hoursAndMinutes(limitSeconds)} passed ${hoursAndMinutes(-leftSeconds)} ago: set sessionHours`;
}

/** `3.1 of 30 h used in 7 days, by rag-cells' own count`. */
export function gpuWords(gpu: GpuTime): string {
  return `${hoursOf(gpu)} used in 7 days, by rag-cells' own count`;
}

/** `3.1 of 30 h`. */
function hoursOf({ usedSeconds, quotaSeconds }: GpuTime): string {
  return `${count(Number((usedSeconds / 3600).toFixed(1)))} of ${count(quotaSeconds / 3600)} h`;
}

/** `4.1 GB of 20 GB in /kaggle/working`. */
export function diskWords({ folder, usedBytes, quotaBytes, whole }: DiskUse): string {
  const where = `in ${clipFront(folder, 30)}`;
  if (usedBytes === null) return `not counted yet, of ${bytes(quotaBytes)} ${where}`;
  return `${bytes(usedBytes)}${whole ? "" : " or more"} of ${bytes(quotaBytes)} ${where}`;
}

/** Whether stages will stop before long. */
export function timeIsShort({ leftSeconds, marginSeconds }: TimeLeft): boolean {
  return leftSeconds < 2 * marginSeconds;
}

export function gpuIsShort({ usedSeconds, quotaSeconds }: GpuTime): boolean {
  return usedSeconds > NEARLY * quotaSeconds;
}

export function diskIsShort({ usedBytes, quotaBytes }: DiskUse): boolean {
  return (usedBytes ?? 0) > NEARLY * quotaBytes;
}

/** `7 h 12 min`, `12 min`, and below a minute `40 s`. */
function hoursAndMinutes(seconds: number): string {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  const rest = `${minutes % 60} min`;
  return minutes < 60 ? rest : `${count(Math.floor(minutes / 60))} h${minutes % 60 === 0 ? "" : ` ${rest}`}`;
}
