import type { ColumnTable } from "arquero";
import type { RunRow } from "../schema/run-types.js";
import type { StageName } from "../schema/types.js";
import { plainTable } from "./card-parts.js";
import { runsCard } from "./card-runs.js";
import { headline, textOf } from "./card-text.js";
import type { Card } from "./card-types.js";
import { count, counted, duration, moment } from "./format.js";
import { htmlOf } from "./html.js";
import { attachCard } from "./present.js";
import { clip } from "./text.js";

/** Rows of the history that its table shows. */
const MOST_ROWS = 50;

/** One call of a stage. */
export interface HistoryRow {
  readonly stage: StageName;
  readonly id: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly outcome: "computed" | "resumed" | "reused";
  /** Why it was computed or reused, in a few words. */
  readonly why: string;
  /** How much the run holds: models, chunks, vectors, queries, pairs or points. */
  readonly rows: number;
  readonly seconds: number;
}

/** What ran in a session: an arquero table with the columns `stage`, `id`, `at`, `outcome`, `why`, `rows` and `seconds`. */
export interface HistoryTable extends ColumnTable {}

/** The history as an arquero table that shows itself in a notebook, the last 50 rows of it. */
export async function historyTable(rows: readonly HistoryRow[]): Promise<HistoryTable> {
  const { table } = await import("arquero");
  const columns = {
    stage: rows.map((row) => row.stage),
    id: rows.map((row) => row.id),
    at: rows.map((row) => row.at),
    outcome: rows.map((row) => row.outcome),
    why: rows.map((row) => row.why),
    rows: rows.map((row) => row.rows),
    seconds: rows.map((row) => row.seconds),
  };
  const card = historyCard(rows);
  return attachCard(table(columns), { html: htmlOf(card, []), text: textOf(card), line: headline(card) });
}

/**
 * The runs on disk: an arquero table with the columns of {@link RunRow}; `neededBy`
 * holds arrays of ids.
 */
export interface RunsTable extends ColumnTable {}

/** Runs as an arquero table that shows itself in a notebook, the largest first on its card. */
export async function runsTable(rows: readonly RunRow[]): Promise<RunsTable> {
  const { table } = await import("arquero");
  const column = <K extends keyof RunRow>(key: K) => rows.map((row) => row[key]);
  const columns = {
    stage: column("stage"),
    id: column("id"),
    state: column("state"),
    batches: column("batches"),
    bytes: column("bytes"),
    call: column("call"),
    usedAt: column("usedAt"),
    latest: column("latest"),
    neededBy: column("neededBy"),
    unused: column("unused"),
  };
  const card = runsCard(rows);
  return attachCard(table(columns), { html: htmlOf(card, []), text: textOf(card), line: headline(card) });
}

function historyCard(rows: readonly HistoryRow[]): Card {
  const last = rows.slice(-MOST_ROWS);
  const left = rows.length - last.length;
  const cells = last.map((row) => [
    moment(row.at),
    row.stage,
    row.outcome,
    clip(row.why, 60),
    row.rows,
    row.outcome === "reused" ? null : duration(row.seconds),
    clip(row.id, 40),
  ]);
  return {
    kind: "history",
    title: "History",
    id: "",
    subtitle: `${counted(rows.length, "call")} of a stage, oldest first`,
    badges: [],
    figures: [{ label: "Calls", value: count(rows.length) }],
    tables: [
      {
        ...plainTable("Calls", ["When (UTC)", "Stage", "Outcome", "Why", "Rows", "Time", "Run"], [4, 5], cells, {
          where: "the table",
          most: MOST_ROWS,
        }),
        more: left > 0 ? `${counted(left, "earlier call")} in the table itself` : "",
      },
    ],
    notes: [],
    charts: [],
  };
}
