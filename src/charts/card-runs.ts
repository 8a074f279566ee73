import type { RunRemoval, RunRow } from "../schema/run-types.js";
import { plainTable } from "./card-parts.js";
import type { Card } from "./card-types.js";
import { bytes, count, counted, moment } from "./format.js";
import { clip } from "./text.js";

/** Runs that the card of the list shows. */
const MOST_RUNS = 50;

/** The runs on disk, the largest first. */
export function runsCard(rows: readonly RunRow[]): Card {
  const of = (wanted: (row: RunRow) => boolean) => rows.filter(wanted);
  const unused = of((row) => row.unused);
  const making = of(({ state }) => state === "in the making");
  const left = of(({ state }) => state === "left over");
  const size = (some: readonly RunRow[]) => `${counted(some.length, "run")}, ${bytes(total(some))}`;
  const cells = [...rows]
    .sort((a, b) => b.bytes - a.bytes)
    .map((row) => [
      row.stage,
      clip(row.id, 40),
      row.batches === null ? row.state : `${row.state}, ${counted(row.batches, "batch", "batches")}`,
      bytes(row.bytes),
      row.usedAt === null ? null : moment(clip(row.usedAt, 30)),
      row.latest ? "the latest" : row.unused ? "not needed" : null,
      row.neededBy.length === 0 ? null : needing(row.neededBy),
    ]);
  return {
    kind: "runs on disk",
    title: "Runs on disk",
    id: "",
    subtitle: "the largest first",
    badges: [],
    figures: [
      { label: "All", value: size(rows) },
      { label: "Not needed", value: size(unused), how: "no latest run was made from them: { unused: true }" },
      ...(making.length > 0
        ? [{ label: "In the making", value: size(making), how: "their cells go on from them: { unfinished: true }" }]
        : []),
      ...(left.length > 0
        ? [{ label: "Left over", value: size(left), how: "any call of removeRuns removes them" }]
        : []),
    ],
    tables: [
      plainTable("Runs", ["Stage", "Run", "State", "Size", "Last used (UTC)", "", "Needed by"], [3], cells, {
        where: "the table",
        most: MOST_RUNS,
      }),
    ],
    notes: [],
    charts: [],
  };
}

function needing(ids: readonly string[]): string {
  const more = ids.length > 2 ? ` and ${count(ids.length - 2)} more` : "";
  return `${ids
    .slice(0, 2)
    .map((id) => clip(id, 30))
    .join(", ")}${more}`;
}

/** What was removed, or would be. */
export function runRemovalCard(removal: RunRemoval): Card {
  const { dryRun, removed, kept, keptBytes } = removal;
  const cells = removed.map((run) => [run.stage, clip(run.id, 40), run.state, bytes(run.bytes)]);
  return {
    kind: dryRun ? "removal, planned" : "removal",
    title: dryRun ? "Runs that would be removed" : "Runs removed",
    id: "",
    subtitle: `session ${clip(removal.session, 60)}${dryRun ? " · nothing was removed" : ""}`,
    badges: dryRun ? [{ text: "dry run", tone: "warn" }] : [],
    figures: [
      { label: dryRun ? "Would go" : "Removed", value: `${counted(removed.length, "run")}, ${bytes(removal.bytes)}` },
      { label: "Kept", value: `${counted(kept, "run")}, ${bytes(keptBytes)}` },
      { label: "Free on the disk", value: removal.freeBytes === null ? "unknown" : bytes(removal.freeBytes) },
    ],
    tables: [plainTable("Runs", ["Stage", "Run", "State", "Size"], [3], cells, { where: "removal.removed" })],
    notes: [],
    charts: [],
  };
}

function total(rows: readonly RunRow[]): number {
  return rows.reduce((sum, row) => sum + row.bytes, 0);
}
