import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { badArguments } from "../core/errors.js";
import type { Verb } from "./io.js";
import { runAndWrite, shownPath, table } from "./run-notebook.js";

/** `rag-cells run NOTEBOOK [--out DIR] [--html]`: runs a notebook in its own folder; the result goes to `out/`. */
export const run: Verb = async (args, io) => {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { out: { type: "string", default: "out" }, html: { type: "boolean", default: false } },
  });
  const [notebook, ...more] = positionals;
  if (notebook === undefined || more.length > 0) throw badArguments("run", "name one notebook.");
  const { run: done, page } = await runAndWrite(
    resolve(io.cwd, notebook),
    resolve(io.cwd, values.out),
    values.html,
    io,
  );
  const rows: [string, string][] = [["notebook", shownPath(done.path, io)]];
  if (page !== null) rows.push(["page", shownPath(page, io)]);
  rows.push(["time", `${done.seconds.toFixed(1)} s, ${done.startSeconds.toFixed(1)} s of it to start the kernel`]);
  io.out.write(table(rows));
  if (done.failure === null) return 0;
  process.stderr.write(`${done.failure}\n`);
  return 1;
};
