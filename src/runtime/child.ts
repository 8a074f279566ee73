import { type ChildProcess, fork } from "node:child_process";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { atExit } from "../core/at-exit.js";
import type { FromWorker, ToWorker } from "./messages.js";

/** How a process ended, and the last of what it wrote to stderr. */
export interface ChildEnd {
  /** Exit code, or null where a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

/** A forked inference process. */
export interface Child {
  readonly pid: number;
  send(message: ToWorker): void;
  /** Keeps this process alive while the child computes, and no longer. */
  hold(busy: boolean): void;
  kill(): void;
  /** Settles once, when the process is gone and its stderr was read; rejects where it could not be started. */
  readonly ended: Promise<ChildEnd>;
}

/** Bytes kept of the end of stderr. */
const STDERR_TAIL = 4096;

/**
 * Starts worker.js in a process of its own. Flags of this process are not passed
 * on, by argument or by NODE_OPTIONS: a notebook kernel preloads code that has no
 * business there. When this process exits, the child is killed; when it is killed,
 * the child sees its channel close.
 *
 * @param files what the child has open behind its channel
 * @param environment what the child's environment has beyond ours: libraries are looked up by it when a process starts, and never later
 */
export function startChild(
  onMessage: (message: FromWorker) => void,
  environment: Readonly<Record<string, string>> = {},
  files: readonly number[] = [],
): Child {
  const child = fork(fileURLToPath(new URL("./worker.js", import.meta.url)), [String(process.pid)], {
    serialization: "advanced",
    execArgv: ["--expose-gc"],
    env: { ...process.env, NODE_OPTIONS: undefined, ...environment },
    stdio: ["ignore", "ignore", "pipe", "ipc", ...files],
  });
  const kill = () => void child.kill("SIGKILL");
  const forget = atExit(kill);
  child.on("message", onMessage as (message: unknown) => void);
  const ended = endOf(child).finally(forget);
  return {
    pid: child.pid ?? -1,
    // A failed send means the process is gone, which `ended` tells with its cause.
    send: (message) => void child.send(message, () => {}),
    hold(busy) {
      for (const part of [child, child.channel, child.stderr as Socket | null]) part?.[busy ? "ref" : "unref"]();
    },
    kill,
    ended,
  };
}

function endOf(child: ChildProcess): Promise<ChildEnd> {
  let tail = Buffer.alloc(0);
  child.stderr?.on("data", (piece: Buffer) => {
    tail = Buffer.concat([tail, piece]).subarray(-STDERR_TAIL);
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal, stderr: tail.toString("utf8") }));
  });
}
