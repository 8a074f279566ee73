/**
 * A process that is killed when it is about to give a file or folder its name for the n-th time.
 *
 *     node move-child.ts '{"options", "verb", "to", "killAt"}'
 */
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import type * as Rag from "../../dist/index.js";

/** What the process is to do. */
export interface Move {
  readonly options: Rag.SessionOptions | Rag.MovedSessionOptions;
  readonly verb: "open" | "pack";
  readonly to?: string;
  /** 1 for the first name; 0 never. */
  readonly killAt: number;
}

if (import.meta.main) {
  const { options, verb, to, killAt } = JSON.parse(process.argv[2] as string) as Move;
  const rag: typeof Rag = await import("../../dist/index.js");
  const { rename } = fs;
  let renames = 0;
  const count = () => {
    fs.rename = async (from, target) => {
      if (++renames === killAt) process.kill(process.pid, "SIGKILL");
      return rename(from, target);
    };
    syncBuiltinESMExports();
  };
  if (verb === "open") count();
  const session = await rag.openSession(options);
  count();
  if (verb === "pack") await rag.packSession(session, to === undefined ? {} : { to });
  console.log(renames);
}
