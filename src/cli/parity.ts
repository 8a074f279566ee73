import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { checkParity, openSession, type ParityReport } from "../index.js";
import type { Io, Verb } from "./io.js";
import { packageRoot } from "./package-root.js";
import { shownPath, table } from "./run-notebook.js";

/**
 * `rag-cells parity [--write] [--baseline FILE]`: makes the sample collection with sparse and rerank on
 * and with both off, and compares the dense artefacts with each other and with the
 * baseline, by default the one that the repository keeps. The exit code is 1 where anything differs.
 */
export const parity: Verb = async (args, io) => {
  const options = { write: { type: "boolean", default: false }, baseline: { type: "string" } } as const;
  const { values } = parseArgs({ args: [...args], options });
  const sample = join(packageRoot(), "notebooks", "sample");
  const kept = join(packageRoot(), "test", "golden", "parity.json");
  const baseline = values.baseline === undefined ? kept : resolve(io.cwd, values.baseline);
  const dir = await mkdtemp(join(tmpdir(), "rag-parity-"));
  try {
    const session = await openSession({
      name: "sample",
      dir,
      modelDirs: [join(sample, "models")],
      cacheDir: join(dir, "none"),
      dense: ["sample-dense"],
      sparse: ["sample-splade", "bm25"],
      rerank: "sample-rerank",
      // All that decides the last bits is said here, whatever the environment says.
      dim: null,
      dtype: "fp32",
      device: "cpu",
      threads: 1,
      tokenBudget: 1024,
      offline: true,
    });
    // This library's own pages change with every version; the rest of the corpus stays.
    const files = [join(sample, "corpus/**/*"), `!${join(sample, "corpus/rag-cells/**")}`];
    // An installed package has no tests, and no baseline: on and off are compared there.
    const held = baseline !== kept || values.write || existsSync(kept) ? { baseline, write: values.write } : {};
    const report = await checkParity(session, { files, ...held });
    session.close();
    io.out.write(table(linesOf(report, io)));
    return report.equal ? 0 : 1;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
};

function linesOf(report: ParityReport, io: Io): [string, string][] {
  const { artefacts, difference, traces, baseline, machine } = report;
  const same = artefacts.filter(({ equal }) => equal).length;
  const lines: [string, string][] = [
    ["parity", report.equal ? "equal" : "DIFFERS"],
    ["on and off", `${same} of ${artefacts.length} dense artefacts equal, ${report.chunks} chunks`],
    ["traces", traces.length === 0 ? "none of the stages that are off" : traces.join("; ")],
    ["baseline", baseline ? `${shownPath(baseline.path, io)}: ${baseline.how}. ${baseline.why}` : "none"],
    ["machine", `${machine.instructionSet}, encoder ${machine.encoder}, node ${machine.node}`],
  ];
  if (difference) {
    const { artefact, row, chunkId, field, between, values, hint } = difference;
    const where = [row === null ? "" : `row ${row}`, chunkId === null ? "" : `chunk ${chunkId}`, field];
    lines.push(["first difference", `${artefact}: ${where.filter((part) => part !== "").join(", ")}`]);
    lines.push([between[0], values[0]], [between[1], values[1]]);
    if (hint !== "") lines.push(["because", hint]);
  }
  return lines;
}
