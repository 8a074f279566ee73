import type { ParityBaseline, ParityDifference, ParityReport } from "../schema/parity-types.js";
import { plainTable } from "./card-parts.js";
import type { Card, CardNote, Figure } from "./card-types.js";
import { count, counted, duration } from "./format.js";
import { clip, clipFront } from "./text.js";

const hows: Readonly<Record<ParityBaseline["how"], string>> = {
  hashes: "compared, all of it by hash",
  cosine: "compared, vectors by cosine of sample rows, the rest by hash",
  written: "written",
  "not written": "not written",
};

/** Two ways to one collection, and what their dense artefacts have in common. */
export function parityCard(report: ParityReport): Card {
  const { artefacts, difference, traces, baseline, machine } = report;
  const same = artefacts.filter(({ equal }) => equal).length;
  const figures: Figure[] = [
    { label: "Chunks", value: count(report.chunks) },
    {
      label: "On and off",
      value: `${count(same)} of ${counted(artefacts.length, "dense artefact")} equal`,
      how: "sparse and rerank on, and both off; everything computed twice",
    },
    {
      label: "Traces of what is off",
      value: traces.length === 0 ? "none" : counted(traces.length, "trace"),
      how: "in the manifest but for the toggles, in the export, in the session",
    },
  ];
  if (difference) figures.push(...differenceFigures(difference));
  if (baseline) figures.push({ label: "Baseline", value: hows[baseline.how], how: clip(baseline.why, 400) });
  figures.push(
    {
      label: "Machine",
      value: machine.instructionSet,
      how: `${clip(machine.encoder, 100)}, node ${clip(machine.node, 20)}`,
    },
    { label: "Time", value: duration(report.seconds) },
  );
  const notes: CardNote[] = traces.map((trace) => ({ text: clip(trace, 200), tone: "warn" }));
  if (difference && difference.hint !== "") notes.push({ text: clip(difference.hint, 400), tone: "plain" });
  return {
    kind: "parity",
    title: "Dense-only parity",
    id: "",
    subtitle: `session ${clip(report.session, 60)}`,
    badges: [report.equal ? { text: "equal", tone: "good" } : { text: "differs", tone: "warn" }],
    figures,
    tables: [
      plainTable(
        "Dense artefacts",
        ["Artefact", "Rows", "On and off", "Baseline", "sha256"],
        [1],
        artefacts.map((one) => [
          clipFront(one.name, 70),
          one.rows,
          one.equal ? "equal" : "✗ differs",
          one.baseline === "differs" ? "✗ differs" : one.baseline,
          clip(one.sha256, 13),
        ]),
        { where: "report.artefacts" },
      ),
    ],
    notes,
    charts: [],
  };
}

function differenceFigures({ between, artefact, row, chunkId, field, values }: ParityDifference): Figure[] {
  const where = [
    row === null ? "" : `row ${count(row)}`,
    chunkId === null ? "" : `chunk ${clip(chunkId, 60)}`,
    clip(field, 80),
  ];
  return [
    { label: "First difference", value: clipFront(artefact, 70) },
    { label: "At", value: where.filter((part) => part !== "").join(", ") },
    { label: clip(between[0], 40), value: clip(values[0], 120) },
    { label: clip(between[1], 40), value: clip(values[1], 120) },
  ];
}
