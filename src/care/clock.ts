import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { badSetting } from "../core/errors.js";
import { sha256 } from "../core/hash.js";
import type { TimeLeft } from "../schema/session-status-types.js";

/** Ticks a second in /proc: what Linux has fixed for programs on every processor that Node runs on. */
const TICKS = 100;

/** How long the machine's session has lasted. */
export interface SessionClock {
  /** Seconds since its start. Setting the machine's clock changes nothing. */
  elapsed(): number;
  readonly from: TimeLeft["startFrom"];
  /** Tells this session of a machine from every other: 16 hexadecimal digits. */
  readonly key: string;
}

/**
 * Finds out when the machine's session began. A container begins with its first process,
 * and not with the system it shares with others: `/proc/1/stat` has the one, `/proc/uptime`
 * the time since the other, and both count without regard to the date.
 *
 * @param start a date with a zone that says so instead
 * @param proc for tests
 * @throws RagError `bad_setting` for a start that lies in the future
 */
export function openClock(start: string | null, source: string, proc = "/proc"): SessionClock {
  const own = () => performance.now() / 1000;
  const ahead = (uptime(proc) ?? own()) - own();
  // A system that can't be asked for a moment, such as without free file handles, changes nothing.
  const now = () => uptime(proc) ?? own() + ahead;
  const first = firstProcess(proc);
  if (start !== null) {
    const age = (Date.now() - Date.parse(start)) / 1000;
    if (!(age >= 0)) throw badSetting("sessionStart", start, source, "it lies in the future by this machine's clock");
    const began = now() - age;
    return { elapsed: () => now() - began, from: "sessionStart", key: keyOf(proc, `start ${start}`) };
  }
  const up = uptime(proc);
  if (first !== null && up !== null) {
    // Where the container is shown a time of its own, that began with its first process.
    const began = up >= first ? first : 0;
    return { elapsed: () => now() - began, from: "the session's first process", key: keyOf(proc, `first ${first}`) };
  }
  const began = now() - process.uptime();
  return { elapsed: () => now() - began, from: "the start of this kernel", key: keyOf(proc, randomUUID()) };
}

/** Seconds since the system began; null where it does not say. */
function uptime(proc: string): number | null {
  const seconds = Number.parseFloat(read(`${proc}/uptime`));
  return Number.isFinite(seconds) ? seconds : null;
}

/** When the first process of this container began, in seconds since the system did; null where it is not to be seen. */
function firstProcess(proc: string): number | null {
  // The name in parentheses may hold anything, parentheses too. The start is the 22nd field, the 20th behind the name.
  const fields = read(`${proc}/1/stat`).replace(/^.*\)/s, "").trim().split(" ");
  const ticks = Number.parseInt(fields[19] ?? "", 10);
  return Number.isFinite(ticks) ? ticks / TICKS : null;
}

function keyOf(proc: string, session: string): string {
  return sha256(`${read(`${proc}/sys/kernel/random/boot_id`)}${session}`).slice(0, 16);
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
