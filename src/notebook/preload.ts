/**
 * Loaded into a tslab kernel by `node -r` before tslab itself. It cures three
 * faults that the kernel has by itself:
 *
 * - tslab sends its output without waiting, and zeromq rejects what is sent
 *   while an earlier send is pending, so long output is lost and with it the
 *   `idle` that ends the cell. A publisher that may neither wait nor drop
 *   sends at once.
 * - tslab answers no request for good where the first one comes while its sockets
 *   are being bound. They receive when all are bound.
 * - tslab lives on when its parent is killed.
 *
 * Children and workers inherit `-r`, so everything here is for a kernel's main thread only.
 */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { isMainThread } from "node:worker_threads";
import { type BoundSockets, bindFirst } from "./bind-first.js";

const connectionFile = isMainThread ? kernelConnectionFile(process.argv) : null;
if (connectionFile !== null) {
  const zeromq = createRequire(tslabInUse(process.argv[1] as string, process.cwd()))("zeromq") as BoundSockets;
  publishWithoutWaiting(zeromq);
  bindFirst(zeromq);
  dieWithParent(parentOf(connectionFile));
}

/** The connection file in a kernel's command line, or null for any other process. */
function kernelConnectionFile(argv: readonly string[]): string | null {
  const flag = argv.indexOf("--config-path");
  return argv[2] === "kernel" && flag > 0 ? (argv[flag + 1] ?? null) : null;
}

/** A file of the tslab that will run: tslab prefers a copy beside the notebook to the one that was started. */
function tslabInUse(started: string, cwd: string): string {
  for (let folder = cwd; ; folder = dirname(folder)) {
    const local = join(folder, "node_modules", "tslab", "dist", "main.js");
    if (existsSync(local)) return local;
    if (dirname(folder) === folder) return started;
  }
}

function publishWithoutWaiting(zeromq: BoundSockets): void {
  zeromq.Publisher = class extends zeromq.Publisher {
    constructor(options: Record<string, unknown> = {}) {
      super({ ...options, sendTimeout: 0, sendHighWaterMark: 0 });
    }
  };
}

/** A client that names itself in the connection file is known even if it is gone before this line runs. */
function parentOf(connectionFile: string): number {
  const { parent_pid } = JSON.parse(readFileSync(connectionFile, "utf8")) as { parent_pid?: unknown };
  return typeof parent_pid === "number" ? parent_pid : process.ppid;
}

/** A timer that keeps nothing alive; a worker thread would also end a cell that loops for ever, for 18 MB more. */
function dieWithParent(parent: number): void {
  setInterval(() => process.ppid === parent || process.exit(1), 500).unref();
}
