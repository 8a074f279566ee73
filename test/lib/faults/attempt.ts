import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Cell, Place } from "../cells.ts";
import { scratch } from "../sample.ts";
import type { Count, Kill } from "./kill.ts";

/** What one notebook's process is to do. */
export interface Attempt {
  readonly place: Place;
  readonly kill: Kill | null;
  /** Where {@link Event}s go, one a line. */
  readonly log: string;
  /** Where to lay out what a power cut at the kill would leave, and the seed of how much of it; null where none is made. */
  readonly cut: { readonly target: string; readonly seed: number | null } | null;
}

/** What a notebook's process says of itself while it lives. */
export type Event =
  | { readonly kind: "arrived" | "taken"; readonly cell: Cell }
  | { readonly kind: "failed"; readonly cell: Cell; readonly code: string }
  | {
      readonly kind: "finished";
      readonly cell: Cell;
      readonly id: string | null;
      readonly reused: boolean;
      readonly count: Count;
      /** Lines of the history. */
      readonly history: number;
    };

/** How an attempt ended. */
export interface Outcome {
  readonly events: readonly Event[];
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

/** Runs the cells in a process of their own, until they are done or it dies. */
export async function attempt(place: Place, kill: Kill | null, cut: Attempt["cut"] = null): Promise<Outcome> {
  const log = join(await scratch("attempt"), "events.jsonl");
  const request: Attempt = { place, kill, log, cut };
  const child = spawn(process.execPath, [join(import.meta.dirname, "main.ts"), JSON.stringify(request)], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  const lines = await readFile(log, "utf8").catch(() => "");
  const events = lines
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Event);
  return { events, code, signal, stderr };
}
