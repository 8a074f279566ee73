import { modelsOf } from "../core/runs.js";
import type { AnyRun, ModelUse, Note, Query, QuerySet } from "../schema/types.js";
import { deviceNotes, deviceTables } from "./card-devices.js";
import type { Badge, Card, CardNote, DetailTable, Figure, RowGroup } from "./card-types.js";
import { count, counted, duration, memoryBeside, moment, percent } from "./format.js";
import { howMeasured, summarize } from "./measured.js";
import { chartsOf } from "./specs.js";
import { clip, clipFront } from "./text.js";

/** Notes on a card; a run has a handful of kinds. */
const MOST_NOTES = 8;
/** Hub ids of the models that ship to show the method. */
const SAMPLE = "rag-cells/sample-";
/** Queries whose results a card lists. */
export const MOST_QUERIES = 6;
/** Rows of a plain detail table. */
export const MOST_ROWS = 30;

/** What the cards of all stages have in common. */
export function runCard(
  run: AnyRun,
  title: string,
  figures: readonly Figure[],
  tables: readonly DetailTable[] = [],
): Card {
  return {
    kind: `${run.kind} run`,
    title,
    id: run.id,
    subtitle: `session ${clip(run.session, 60)} · ${moment(run.telemetry.finishedAt)} UTC`,
    badges: badgesOf(run),
    figures: [...figures, ...timeFigures(run)],
    tables: [...tables, ...deviceTables(run.telemetry)],
    notes: [...deviceNotes(run.telemetry), ...notesOf(run.notes)],
    charts: chartsOf(run),
  };
}

function badgesOf(run: AnyRun): Badge[] {
  const badges: Badge[] = [];
  if (run.reused) badges.push({ text: "reused", tone: "good" });
  else if (run.resumedBatches > 0)
    badges.push({ text: `resumed ${counted(run.resumedBatches, "batch", "batches")}`, tone: "good" });
  if (run.kind !== "chunk" && modelsOf(run).some((model) => model.hubId.startsWith(SAMPLE)))
    badges.push({ text: "sample model", tone: "warn" });
  return badges;
}

/** The notes of a value, as a card lists them. */
export function notesOf(notes: readonly Note[]): CardNote[] {
  const shown: CardNote[] = notes.slice(0, MOST_NOTES).map((note) => ({
    text: `${clip(note.message, 400)} (${clip(note.code, 40)}${note.count === undefined ? "" : `, ${count(note.count)}`})`,
    tone: "warn",
  }));
  const rest = notes.length - shown.length;
  return rest > 0
    ? [...shown, { text: `and ${counted(rest, "more note")} in the value's notes`, tone: "plain" }]
    : shown;
}

function timeFigures(run: AnyRun): Figure[] {
  const { seconds, phases } = run.telemetry;
  const parts = Object.entries(phases)
    .filter(([, s]) => s > 0)
    .sort((a, b) => b[1] - a[1])
    .slice(0, 5)
    .map(([name, s]) => `${clip(name, 20)} ${duration(s)}`);
  return [
    {
      label: "Time",
      value: duration(seconds),
      how: [run.reused ? "when it was computed" : "", parts.join(" · ")].filter(Boolean).join(": "),
    },
  ];
}

/** How many vectors were taken from the cache; nothing where none were. */
export function reuseFigures(
  vectors: readonly { readonly rows: number; readonly reused: number; readonly model: ModelUse | null }[],
): Figure[] {
  const passes = vectors.filter(({ model }) => model !== null);
  const sum = (pick: (pass: (typeof passes)[number]) => number) =>
    passes.reduce((total, pass) => total + pick(pass), 0);
  const [rows, reused] = [sum((pass) => pass.rows), sum((pass) => pass.reused)];
  if (reused === 0) return [];
  return [
    {
      label: "Reused",
      value: `${count(reused)} of ${count(rows)} vectors were kept from before`,
      how:
        reused < rows
          ? `from the vector cache; the model computed ${count(rows - reused)}`
          : "from the vector cache; no model was loaded",
    },
  ];
}

/** Throughput, latency, padding and memory of a stage that ran batches. */
export function batchFigures(run: AnyRun): Figure[] {
  const figures: Figure[] = [];
  const summary = summarize(run.telemetry.batches);
  if (summary) {
    figures.push(
      {
        label: "Throughput",
        value: `${count(Math.round(summary.tokensPerSecond))} tokens/s`,
        how: `${count(summary.tokens)} tokens of text in ${duration(summary.busySeconds)} inside the model`,
      },
      {
        label: "Latency of a batch",
        value: duration(summary.median),
        how: `inside the model: median of ${counted(summary.batches, "batch", "batches")}; 95th percentile ${duration(summary.p95)}, slowest ${duration(summary.slowest)}`,
      },
      { label: "Padding", value: percent(summary.padding), how: "of the computed tokens" },
    );
  }
  for (const series of run.telemetry.memory) {
    const size = (bytes: number) => memoryBeside(bytes, series.capBytes);
    const cap = series.capBytes === null ? "" : ` of ${size(series.capBytes)}`;
    const device = run.telemetry.memory.length > 1 ? `, ${clip(series.device, 30)}` : "";
    figures.push({
      label: `Peak memory${device}`,
      value: `${size(series.peakBytes)}${cap}`,
      how: howMeasured(series),
    });
  }
  return figures;
}

/** `3 texts, 120 tokens lost`, or `none`. */
export function truncation(truncated: number, lost: number): string {
  return truncated === 0 ? "none" : `${counted(truncated, "text")}, ${counted(lost, "token")} lost`;
}

/** A query in a heading: its text where this kernel has it, else its id and length. */
export function queryHeading(
  result: { readonly queryId: string; readonly queryLength: number; readonly source: Query["source"] },
  queries: QuerySet | null,
): string {
  const text = queries?.queries.find((q) => q.id === result.queryId)?.text;
  const from = result.source === "operator" ? "" : ` (${result.source})`;
  return text === undefined
    ? `query ${clip(result.queryId, 40)}, ${counted(result.queryLength, "character")}${from}`
    : `“${clip(text, 110)}”${from}`;
}

/** Where a section stands: `guide/tables.md`, and its headings. */
export function placeOf(candidate: {
  readonly document: string;
  readonly section: string;
}): [section: string, document: string] {
  return [candidate.section === "" ? "–" : clip(candidate.section, 70), clipFront(candidate.document, 44)];
}

/** What a table of results leaves out. */
export function moreQueries(all: number, where: string): string {
  return all > MOST_QUERIES ? `and ${counted(all - MOST_QUERIES, "more query", "more queries")} in ${where}` : "";
}

/** A table without headings between its rows. */
export function plainTable(
  title: string,
  columns: readonly string[],
  right: readonly number[],
  rows: RowGroup["rows"],
  more: { readonly where: string; readonly folded?: boolean; readonly most?: number },
): DetailTable {
  const most = more.most ?? MOST_ROWS;
  return {
    title,
    columns,
    right,
    groups: [{ heading: null, rows: rows.slice(0, most) }],
    more: rows.length > most ? `and ${count(rows.length - most)} more in ${more.where}` : "",
    folded: more.folded ?? false,
  };
}
