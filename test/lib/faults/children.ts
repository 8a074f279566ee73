/**
 * The inference processes this process starts: counts the batches that they are sent
 * and have computed, and can be asked to kill one at a batch.
 */
import childProcess, { type ChildProcess } from "node:child_process";
import { syncBuiltinESMExports } from "node:module";

/** A batch is about to be sent, was sent, or its answer has arrived. Batches count from 1 since the last {@link countBatches}. */
export type BatchMoment = "before" | "middle" | "after";

type Listener = (moment: BatchMoment, batch: number, child: ChildProcess) => void;

let listener: Listener = () => {};
let sent = 0;
let computed = 0;
const alive = new Set<ChildProcess>();

/** Counts from zero, and tells `heard` of every batch from now on. */
export function countBatches(heard: Listener = () => {}): void {
  sent = 0;
  computed = 0;
  listener = heard;
}

/** How many batches' answers have arrived since the last {@link countBatches}. */
export function batchesComputed(): number {
  return computed;
}

/** Kills every inference process, at once and for good. */
export function killChildren(): void {
  for (const child of alive) child.kill("SIGKILL");
}

const fork = childProcess.fork;
Object.assign(childProcess, {
  fork(...arguments_: Parameters<typeof fork>) {
    const child = fork(...arguments_);
    alive.add(child);
    child.once("exit", () => alive.delete(child));
    const send = child.send.bind(child) as (...rest: unknown[]) => boolean;
    child.send = ((message: { kind?: unknown }, ...rest: unknown[]) => {
      if (message.kind !== "run") return send(message, ...rest);
      const batch = ++sent;
      listener("before", batch, child);
      const taken = send(message, ...rest);
      listener("middle", batch, child);
      return taken;
    }) as typeof child.send;
    child.on("message", (message: { kind?: unknown }) => {
      if (message.kind === "done") listener("after", ++computed, child);
    });
    return child;
  },
});
syncBuiltinESMExports();
