import { Worker } from "node:worker_threads";
import type { Note } from "../../schema/types.js";
import type { KeeperOptions } from "./keeper.js";
import type { Answer, Calls } from "./messages.js";

/** The cache's thread, as the notebook's thread calls it. */
export interface Thread {
  /** Null where the thread has died. */
  call<K extends keyof Calls>(
    name: K,
    ask: Calls[K]["ask"],
    transfer?: readonly ArrayBufferLike[],
  ): Promise<Calls[K]["answer"] | null>;
  /** Ends when `close` was called or the thread has died. */
  readonly ended: Promise<void>;
}

/**
 * Starts the thread. It keeps the program alive while it works on a call, and no longer.
 * It gets no environment and no flags: a notebook kernel preloads code that has no business
 * there, and on Node 22 the one flag keeps "SQLite is an experimental feature" out of the notebook.
 */
export function startThread(options: KeeperOptions, onNote: (note: Note) => void): Thread {
  const worker = new Worker(new URL("./worker.js", import.meta.url), {
    workerData: options,
    env: {},
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });
  const waiting = new Map<number, (answer: unknown) => void>();
  let calls = 0;
  let closing = false;
  let dead = false;
  worker.unref();
  worker.on("message", ({ id, value, notes }: Answer) => {
    for (const note of notes) onNote(note);
    waiting.get(id)?.(value);
    waiting.delete(id);
    if (waiting.size === 0 && !closing) worker.unref();
  });
  worker.on("error", (error) => {
    onNote({
      code: "vector_cache_unavailable",
      message: `The vector cache ${options.path} can't be used: ${error instanceof Error ? error.message : String(error)}; this pass goes on without it.`,
    });
  });
  const ended = new Promise<void>((resolve) => {
    worker.on("exit", () => {
      dead = true;
      for (const answer of waiting.values()) answer(null);
      waiting.clear();
      resolve();
    });
  });
  return {
    ended,
    call(name, ask, transfer = []) {
      if (dead) return Promise.resolve(null);
      return new Promise((resolve) => {
        waiting.set(++calls, resolve as (answer: unknown) => void);
        worker.ref();
        closing ||= name === "close";
        worker.postMessage({ id: calls, name, ask }, transfer as ArrayBuffer[]);
      });
    },
  };
}
