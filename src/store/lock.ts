import { readFileSync, unlinkSync } from "node:fs";
import { type FileHandle, link, open, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { hostname } from "node:os";
import { atExit } from "../core/at-exit.js";
import { type RagError, sessionInUse, storeWriteFailed } from "../core/errors.js";
import { processRuns, processStart } from "../core/process-start.js";

/** A lock file held by this process. */
export interface FileLock {
  release(): void;
}

/** Who holds a lock. */
export interface LockOwner {
  readonly pid: number;
  readonly host: string;
  /** Start time of the process in clock ticks since boot: a process id alone is used again. */
  readonly started: string;
}

const BEAT_MS = 10_000;
const STALE_MS = 60_000;

/**
 * Takes a lock, such as a session's: one process at a time writes there. A lock whose
 * process is gone is taken over; one from another machine counts as gone when
 * its file has not been touched for a minute. The process that holds it may take it again.
 *
 * @param what names the lock in errors, such as `the session's lock`
 * @param inUse the error for a lock that a living process holds
 * @throws what `inUse` makes; RagError `store_write_failed`
 */
export async function takeLock(
  path: string,
  what: string,
  inUse: (owner: LockOwner | null) => RagError,
): Promise<FileLock> {
  const me: LockOwner = { pid: process.pid, host: hostname(), started: processStart(process.pid) };
  for (let attempt = 0; ; attempt++) {
    const file = await open(path, "wx").catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === "EEXIST") return null;
      throw storeWriteFailed(path, what, cause);
    });
    if (file) {
      await writeOwner(file, me).catch(async (cause) => {
        await rm(path, { force: true }).catch(() => {});
        throw storeWriteFailed(path, what, cause);
      });
      return hold(path);
    }
    const owner = await ownerOf(path);
    if (!owner && attempt < 2) {
      // Perhaps another kernel is between creating the file and writing its name.
      await new Promise((resolve) => setTimeout(resolve, 100));
      continue;
    }
    if (owner && owner.pid === me.pid && owner.host === me.host && owner.started === me.started) return hold(path);
    if (attempt > 4 || (owner && (await alive(owner, path)))) throw inUse(owner);
    await removeDead(path, owner);
  }
}

async function writeOwner(file: FileHandle, owner: LockOwner): Promise<void> {
  try {
    await file.writeFile(JSON.stringify(owner));
  } finally {
    await file.close();
  }
}

/** The lock of a session: one kernel at a time writes to it. @throws RagError `session_in_use`, `store_write_failed` */
export function lockSession(path: string, name: string): Promise<FileLock> {
  return takeLock(path, "the session's lock", (owner) => sessionInUse(name, path, owner));
}

/** How often this process holds each lock: a session may be open twice in one kernel. */
const held = new Map<string, number>();

function hold(path: string): FileLock {
  held.set(path, (held.get(path) ?? 0) + 1);
  let released = false;
  const beat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {});
  }, BEAT_MS);
  beat.unref();
  const release = () => {
    if (released) return;
    released = true;
    clearInterval(beat);
    forget();
    const others = (held.get(path) ?? 1) - 1;
    held.set(path, others);
    if (others > 0) return;
    try {
      if ((JSON.parse(readFileSync(path, "utf8")) as LockOwner).pid === process.pid) unlinkSync(path);
    } catch {
      // Already gone: nothing is held.
    }
  };
  const forget = atExit(release);
  return { release };
}

/**
 * Takes a dead lock away. Of two kernels that see the same dead lock one may be late
 * and take the other's new one: it then finds another owner in its hands and puts it back.
 */
async function removeDead(path: string, dead: LockOwner | null): Promise<void> {
  const aside = `${path}.${process.pid}.stale`;
  await rename(path, aside).catch(() => {});
  const taken = await ownerOf(aside);
  if (taken && taken.started !== dead?.started) await link(aside, path).catch(() => {});
  await rm(aside, { force: true });
}

async function ownerOf(path: string): Promise<LockOwner | null> {
  try {
    const owner = JSON.parse(await readFile(path, "utf8")) as LockOwner;
    return Number.isInteger(owner.pid) ? owner : null;
  } catch {
    return null;
  }
}

async function alive(owner: LockOwner, path: string): Promise<boolean> {
  if (owner.host !== hostname()) {
    const touched = await touchedAt(path);
    const age = Date.now() - touched;
    if (age > -STALE_MS) return age < STALE_MS;
    // In the future: one of the two clocks was set back. A holder that lives touches it within a beat.
    await new Promise((resolve) => setTimeout(resolve, 1.5 * BEAT_MS));
    return (await touchedAt(path)) !== touched;
  }
  return processRuns(owner.pid, owner.started);
}

/** When a lock's holder was last seen, in milliseconds; 0 where the file is gone. */
async function touchedAt(path: string): Promise<number> {
  return stat(path).then(
    (s) => s.mtimeMs,
    () => 0,
  );
}
