/**
 * A process that is disturbed when a file of the given name is about to get that
 * name: killed, or the file damaged behind the library's back.
 *
 *     node pack-child.ts '{"verb", "arguments", "session", "at", "how"}'
 */
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { basename } from "node:path";
import type * as Rag from "../../dist/index.js";

/** What the process is to do. */
export interface Disturbance {
  readonly session: Rag.SessionOptions;
  readonly verb: "packCache" | "unpackCache";
  readonly paths: readonly string[];
  /** The name that the file is about to get. */
  readonly at: string;
  readonly how: "kill" | "damage";
}

if (import.meta.main) {
  const { session, verb, paths, at, how } = JSON.parse(process.argv[2] as string) as Disturbance;
  const { rename } = fs;
  fs.rename = async (from, to) => {
    if (basename(String(to)) !== at) return rename(from, to);
    if (how === "kill") process.kill(process.pid, "SIGKILL");
    await rename(from, to);
    await fs.writeFile(to, "damaged");
  };
  syncBuiltinESMExports();
  const rag: typeof Rag = await import("../../dist/index.js");
  const opened = await rag.openSession(session);
  const [first, second] = paths as [string, string];
  const work = verb === "packCache" ? rag.packCache(opened, first) : rag.unpackCache(opened, first, second);
  await work.then(
    () => console.log("done"),
    (error) => console.log(error.code, error.message),
  );
}
