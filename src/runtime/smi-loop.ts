import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { atExit } from "../core/at-exit.js";
import type { NvidiaSmi } from "./devices/types.js";

/** What nvidia-smi says of one GPU. */
export interface SmiReading {
  readonly uuid: string;
  readonly usedBytes: number;
  /** 0..1; null where it does not say. */
  readonly utilisation: number | null;
}

/** An nvidia-smi that reads again and again. */
export interface SmiLoop {
  /** What went wrong with it, in words. */
  readonly notes: readonly string[];
  /** Whether it was given up: no reading comes any more. */
  readonly lost: boolean;
  stop(): Promise<void>;
}

const FIELDS = ["uuid", "memory.used", "utilization.gpu"] as const;
/** A line of ours has some sixty characters. */
const MOST_LINE = 400;
const MOST_NOTES = 20;
const MOST_RESTARTS = 3;
const RESTART_MS = 250;
/** One that has read for so long may be started as often again. */
const STEADY_MS = 60_000;
/** Without persistence mode the first reading wakes every GPU. */
const SILENT_MS = 20_000;
const STOP_MS = 1000;
/** A use that it can't tell stands in brackets, with its reason. */
const LINE = /^(GPU-[0-9a-fA-F-]{1,60}), *(\d{1,9}), *(\d{1,3}|N\/A|\[[^\],]{1,60}\])\s*$/;

/**
 * Starts nvidia-smi once for all its GPUs, in its loop mode. It is in a process group of its own: an interrupt of the notebook is not for
 * it. It ends when this process does, however that ends: at the next line that it writes to the pipe that has no
 * reader any more. One that dies, or tells nothing, is started again, a few times.
 */
export function startSmiLoop(
  smi: NvidiaSmi,
  everyMs: number,
  onReading: (reading: SmiReading) => void,
  silentMs: number = SILENT_MS,
): SmiLoop {
  const notes: string[] = [];
  let restarts = 0;
  let misread = 0;
  let lost = false;
  let over = false;
  let child: ChildProcess;
  let gone: Promise<void>;
  let timer: NodeJS.Timeout | undefined;
  let heard = performance.now();

  const note = (words: string) => {
    if (notes.length < MOST_NOTES) notes.push(words);
  };
  const line = (text: string) => {
    const reading = readLine(text);
    if (over) return;
    if (reading) {
      heard = performance.now();
      onReading(reading);
    } else if (text.trim() !== "" && misread++ === 0)
      note(`nvidia-smi wrote a line that can't be read: ${plain(text)}`);
  };
  const kill = () => {
    try {
      // The whole group: a tool that is a script may have started others.
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
        process.kill(-child.pid, "SIGKILL");
    } catch {
      // It has ended already.
    }
  };

  const start = () => {
    const started = performance.now();
    heard = started;
    const args = [`--query-gpu=${FIELDS.join(",")}`, "--format=csv,noheader,nounits", "-lms", String(everyMs)];
    child = spawn(smi.command, args, {
      cwd: "/",
      env: { ...smi.env, LC_ALL: "C" },
      stdio: ["ignore", "pipe", "ignore"],
      detached: true,
    });
    const split = splitLines(line);
    child.stdout?.setEncoding("latin1").on("data", split);
    child.unref();
    (child.stdout as Socket | null)?.unref();
    const forget = atExit(kill);
    gone = new Promise((resolve) => {
      const ended = (words: string, again: boolean) => {
        forget();
        resolve();
        if (over) return;
        if (performance.now() - started > STEADY_MS) restarts = 0;
        lost = !again || restarts === MOST_RESTARTS;
        note(`nvidia-smi ${words}, and ${lost ? "is given up: nothing is read from then on" : "was started again"}`);
        if (!lost) timer = setTimeout(start, RESTART_MS * 2 ** restarts++).unref();
      };
      child.once("error", (error) => ended(`could not be started (${plain(error.message)})`, false));
      child.once("exit", (code, signal) => ended(`ended with ${signal ?? `exit code ${code}`}`, true));
    });
  };
  start();
  const listen = setInterval(() => {
    if (lost || performance.now() - heard < silentMs) return;
    const words = `nvidia-smi told nothing for ${silentMs / 1000} s`;
    // One that hangs in the driver dies when the driver lets it: that it is silent is said once.
    if (notes.at(-1) !== words) note(words);
    heard = performance.now();
    kill();
  }, silentMs / 10).unref();

  return {
    notes,
    get lost() {
      return lost;
    },
    async stop() {
      over = true;
      clearTimeout(timer);
      clearInterval(listen);
      kill();
      child.ref();
      // A tool that hangs in the driver dies when the driver lets it, and is not waited for.
      const given = new AbortController();
      await Promise.race([gone, sleep(STOP_MS, undefined, { signal: given.signal }).catch(() => {})]);
      given.abort();
      child.unref();
    },
  };
}

/** A line as nvidia-smi writes it; null for anything else, such as half of one. */
export function readLine(text: string): SmiReading | null {
  const [, uuid, used, percent] = LINE.exec(text) ?? [];
  if (uuid === undefined || used === undefined) return null;
  const utilisation = Number(percent);
  return {
    uuid,
    usedBytes: Number(used) * 2 ** 20,
    utilisation: utilisation >= 0 && utilisation <= 100 ? utilisation / 100 : null,
  };
}

/** Hands on whole lines. What is longer than a line can be is cut: it is no reading, and must not fill the memory. */
function splitLines(onLine: (line: string) => void): (piece: string) => void {
  let rest = "";
  return (piece) => {
    const lines = (rest + piece).split("\n");
    rest = (lines.pop() as string).slice(0, MOST_LINE);
    for (const text of lines) onLine(text.slice(0, MOST_LINE));
  };
}

function plain(text: string): string {
  return text
    .replace(/[\p{C}\s]+/gu, " ")
    .trim()
    .slice(0, 120);
}
