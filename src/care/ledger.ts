import { open, stat } from "node:fs/promises";
import { type GpuLedgerEntry, parseLedgerLine } from "../schema/gpu-ledger.js";
import { appendLine } from "../store/append.js";

const WEEK_MS = 7 * 24 * 3600 * 1000;
/** A week of lines, five minutes apart, has half of it. */
const MOST_BYTES = 512 << 10;

/** Adds how long a machine has been in use. @throws RagError `store_write_failed` */
export async function appendLedger(path: string, machine: string, seconds: number): Promise<void> {
  const entry: GpuLedgerEntry = { machine, at: new Date().toISOString(), seconds: Math.round(seconds) };
  await appendLine(path, entry, "the ledger of GPU time");
}

/** Lines of a ledger, the newest that fit into 512 KiB; none where there is no file, or none that can be read. */
export async function readLedger(path: string): Promise<GpuLedgerEntry[]> {
  const file = await open(path, "r").catch(() => null);
  if (!file) return [];
  try {
    const { size } = await file.stat();
    const from = Math.max(0, size - MOST_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from);
    // Where it begins within a line, the rest of that line is none.
    return buffer
      .toString("utf8", 0, bytesRead)
      .split("\n")
      .flatMap((line) => parseLedgerLine(line) ?? []);
  } catch {
    return [];
  } finally {
    await file.close();
  }
}

/** Seconds of all machines in the last seven days. A session that began before them counts with what it took since. */
export function secondsInWeek(entries: readonly GpuLedgerEntry[], now = Date.now()): number {
  const machines = new Map<string, { before: number; last: number }>();
  for (const { machine, at, seconds } of entries) {
    const one = machines.get(machine) ?? { before: 0, last: 0 };
    const old = now - Date.parse(at) > WEEK_MS;
    machines.set(machine, {
      before: old ? Math.max(one.before, seconds) : one.before,
      last: Math.max(one.last, seconds),
    });
  }
  return [...machines.values()].reduce((sum, { before, last }) => sum + last - before, 0);
}

/** Adds the lines of a ledger that came along with a session, those that this one lacks. @throws RagError `store_write_failed` */
export async function mergeLedger(path: string, moved: string): Promise<void> {
  if (!(await stat(moved).catch(() => null))) return;
  const known = new Map<string, number>();
  for (const { machine, seconds } of await readLedger(path))
    known.set(machine, Math.max(known.get(machine) ?? -1, seconds));
  for (const entry of await readLedger(moved))
    if (entry.seconds > (known.get(entry.machine) ?? -1)) await appendLine(path, entry, "the ledger of GPU time");
}
