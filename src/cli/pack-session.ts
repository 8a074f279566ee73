import { existsSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { badArguments, quote } from "../core/errors.js";
import type { Verb } from "./io.js";
import { shownPath, table } from "./run-notebook.js";

/** `rag-cells pack-session DIR [--to FILE] [--no-collection]`: packs a session whose kernel is gone. */
export const packSession: Verb = async (args, io) => {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { to: { type: "string" }, "no-collection": { type: "boolean", default: false } },
  });
  const [folder, ...more] = positionals;
  if (folder === undefined || more.length > 0) throw badArguments("pack-session", "name one session's folder.");
  const dir = resolve(io.cwd, folder);
  if (!existsSync(join(dir, "session.json")))
    throw badArguments("pack-session", `${quote(dir)} has no session.json, so it is no session's folder.`);
  const rag = await import("../index.js");
  // No model is loaded, so none has to be known or to have its device.
  const models = { dense: ["bge-small-en-v1.5"], sparse: ["bm25"], rerank: "ms-marco-minilm-l-6-v2" };
  const session = await rag.openSession({ name: basename(dir), dir: dirname(dir), device: "cpu", ...models });
  try {
    const pack = await rag.packSession(session, {
      ...(values.to === undefined ? {} : { to: resolve(io.cwd, values.to) }),
      collection: !values["no-collection"],
    });
    const batches = pack.inTheMaking.reduce((sum, run) => sum + run.batches, 0);
    const rows: [string, string][] = [
      ["pack", shownPath(pack.path, io)],
      ["bytes", String(pack.bytes)],
      ["sha256", pack.sha256],
      ["finished", `${Object.values(pack.runs).reduce((sum, runs) => sum + runs, 0)} runs`],
      ["in the making", `${pack.inTheMaking.length} runs, ${batches} finished batches`],
    ];
    if (pack.damaged.length > 0) rows.push(["damaged", pack.damaged.map(quote).join(", ")]);
    if (pack.leftOut.length > 0) rows.push(["left out", `${pack.leftOut.length} files that belong to no session`]);
    io.out.write(table(rows));
    return 0;
  } finally {
    session.close();
  }
};
