import {
  closeSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { processRuns, processStart } from "../../core/process-start.js";

/** What a process has on a simulated GPU, as it wrote it down last. */
export interface Holding {
  readonly pid: number;
  readonly bytes: number;
  /** Bytes that it holds or is just asking for. */
  readonly claimed: number;
  /** Milliseconds that it computed so far, a batch under way included. */
  readonly busyMs: number;
}

/** Most bytes that any one process ever had on a GPU, processes that are gone included: what readings now and then may miss. */
export function mostHeld(folder: string): number {
  const pages = readdirSync(folder).filter((name) => NAME.test(name));
  return pages.reduce((most, name) => {
    const { mostBytes } = JSON.parse(readFileSync(join(folder, name), "utf8")) as Page;
    return Math.max(most, mostBytes);
  }, 0);
}

/** This process's page in the book of a simulated GPU. */
export interface Ledger {
  /** Changes what this process holds; false, and nothing changed, where the GPU has not so much. */
  hold(bytes: number): boolean;
  readonly heldBytes: number;
  /** The number of a new batch, counted over all processes that ever computed on the GPU. */
  nextBatch(): number;
  /** The number of a model that is loaded, counted in the same way. */
  nextLoad(): number;
  /** Begins or ends computing. @param until milliseconds of {@link sharedClock} when it will have ended by itself; null where nobody knows yet */
  busy(computes: boolean, until?: number | null): void;
}

/** What stands in a process's file. The batch under way began at `since` and ends at `until`, by the system's monotonic clock. */
interface Page {
  readonly bytes: number;
  /** What it asks for and does not have yet. */
  readonly asks: number;
  readonly mostBytes: number;
  readonly busyMs: number;
  readonly since: number | null;
  readonly until: number | null;
}

/** Milliseconds of the batch under way so far, or of one that has ended by itself. */
function underWay({ since, until }: Page, now: number): number {
  return since === null ? 0 : Math.min(now, until ?? now) - since;
}

const RECORD_BYTES = 32;
const NAME = /^(\d+)-(\d*)\.json$/;

/** Folder of one simulated GPU. */
export function gpuFolder(stateDir: string, index: number): string {
  return join(stateDir, `gpu-${index}`);
}

/** Milliseconds of the clock that all processes of a machine share. */
export function sharedClock(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}

/**
 * What the living processes have on a GPU. The page of a process that is gone does not count, whatever ended it: its
 * memory is free at that moment, as on a real GPU.
 */
export function holdings(folder: string): Holding[] {
  const now = sharedClock();
  return readdirSync(folder).flatMap((name) => {
    const [, pid, started] = NAME.exec(name) ?? [];
    if (pid === undefined || started === undefined || !processRuns(Number(pid), started)) return [];
    try {
      const page = JSON.parse(readFileSync(join(folder, name), "utf8")) as Page;
      const { bytes, asks, busyMs } = page;
      return [{ pid: Number(pid), bytes, claimed: bytes + asks, busyMs: busyMs + underWay(page, now) }];
    } catch {
      // The folder went meanwhile, with the process that made it.
      return [];
    }
  });
}

/** Opens this process's page. */
export function openLedger(stateDir: string, index: number, memoryBytes: number): Ledger {
  const folder = gpuFolder(stateDir, index);
  const name = `${process.pid}-${processStart(process.pid)}`;
  let page: Page = { bytes: 0, asks: 0, mostBytes: 0, busyMs: 0, since: null, until: null };

  const write = (next: Page) => {
    // Whole or not at all: others read at any moment.
    const aside = join(folder, `.${name}.tmp`);
    writeFileSync(aside, JSON.stringify(next));
    renameSync(aside, join(folder, `${name}.json`));
    page = next;
  };
  const fits = (bytes: number) =>
    holdings(folder).reduce((sum, { pid, claimed }) => sum + (pid === process.pid ? 0 : claimed), bytes) <= memoryBytes;

  write(page);
  return {
    get heldBytes() {
      return page.bytes;
    },
    hold(bytes) {
      const { bytes: before } = page;
      if (bytes > before) {
        // Two that ask at the same moment see each other's claims, and both step back.
        write({ ...page, asks: bytes - before });
        if (!fits(bytes)) {
          write({ ...page, asks: 0 });
          return false;
        }
      }
      write({ ...page, bytes, asks: 0, mostBytes: Math.max(page.mostBytes, bytes) });
      return true;
    },
    nextBatch: () => appendRecord(join(folder, "batches")),
    nextLoad: () => appendRecord(join(folder, "loads")),
    busy(computes, until = null) {
      const now = sharedClock();
      // A model that is computed for real can take longer than the simulated time: that is over by now.
      const goesOn = computes && (until === null || until > now);
      write({ ...page, busyMs: page.busyMs + underWay(page, now), since: goesOn ? now : null, until });
    },
  };
}

/** Appends a record of this process and finds it again: its place is a number that no other process gets. */
function appendRecord(path: string): number {
  const record = Buffer.alloc(RECORD_BYTES, " ");
  record.write(`${process.pid} ${process.hrtime.bigint()}`);
  const file = openSync(path, "a+");
  try {
    writeSync(file, record);
    const found = Buffer.alloc(RECORD_BYTES);
    for (let at = Math.floor(fstatSync(file).size / RECORD_BYTES) - 1; at >= 0; at--) {
      readSync(file, found, 0, RECORD_BYTES, at * RECORD_BYTES);
      if (found.equals(record)) return at;
    }
    throw new Error("the batches of the simulation can't be counted");
  } finally {
    closeSync(file);
  }
}
