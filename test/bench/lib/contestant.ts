import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";

/** One way to compute, loaded and warm; each run computes everything anew. */
export interface Contestant {
  readonly name: string;
  /** Seconds of one run. */
  run(): Promise<number>;
  close(): Promise<void>;
}

/** What a script that is a contestant tells: that it is ready, then the seconds of each run; the first run's vectors where it has any. */
export interface Told {
  readonly ready?: true;
  readonly seconds?: number;
  readonly vectors?: Float32Array;
}

/** Starts a script of this folder as a contestant in a process of its own; it gets `job`, then `run` as often as asked. */
export async function forkContestant(
  name: string,
  script: string,
  job: object,
): Promise<Contestant & { readonly vectors: () => Float32Array }> {
  const child = fork(fileURLToPath(new URL(script, import.meta.url)), [], { serialization: "advanced", execArgv: [] });
  const gone = new Promise((resolve) => child.once("exit", resolve));
  let vectors: Float32Array = new Float32Array();
  const ask = (message: unknown) =>
    new Promise<Told>((resolve, reject) => {
      const onExit = (code: number | null) => reject(new Error(`${name} ended with exit code ${code}`));
      child.once("exit", onExit);
      child.once("message", (told) => {
        child.removeListener("exit", onExit);
        resolve(told as Told);
      });
      child.send(message as object);
    });
  await ask(job);
  return {
    name,
    async run() {
      const told = await ask("run");
      if (told.vectors) vectors = told.vectors;
      return told.seconds as number;
    },
    vectors: () => vectors,
    async close() {
      child.kill();
      await gone;
    },
  };
}

/** The other side of {@link forkContestant}. */
export function serve<Job>(load: (job: Job) => Promise<() => Promise<Float32Array | null>>): void {
  let run: (() => Promise<Float32Array | null>) | null = null;
  process.on("message", async (message: Job | "run") => {
    if (message !== "run") {
      run = await load(message as Job);
      process.send?.({ ready: true } satisfies Told);
      return;
    }
    const start = performance.now();
    const vectors = await (run as NonNullable<typeof run>)();
    const seconds = (performance.now() - start) / 1000;
    process.send?.({ seconds, ...(vectors ? { vectors } : {}) } satisfies Told);
  });
  process.on("disconnect", () => process.exit());
}
