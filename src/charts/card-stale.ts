import type { StageStanding, StaleReport } from "../schema/lineage-types.js";
import type { AnyRun } from "../schema/types.js";
import type { Badge, Card, CardNote } from "./card-types.js";
import { counted } from "./format.js";
import { clip } from "./text.js";

/** Reasons under the list of a run's card. */
const MOST_REASONS = 3;
const REASON_LETTERS = 160;

/** A run's card with what is stale now: a mark on the run itself, and which cells to run again, in order, and why. */
export function withMarks(
  card: Card,
  run: AnyRun,
  { stages, unread }: { readonly stages: readonly StageStanding[]; readonly unread: number },
): Card {
  const stale = stages.filter(({ state }) => state === "stale");
  const later: CardNote[] =
    unread === 0
      ? []
      : [{ text: `${counted(unread, "document")} may have changed: stale(session) reads them`, tone: "plain" }];
  if (stale.length === 0) return { ...card, notes: [...card.notes, ...later] };
  const own = stale.some(({ id }) => id === run.id);
  const badge: Badge[] = own ? [{ text: "stale", tone: "warn" }] : [];
  const list: CardNote = {
    text: `Stale now, run again in this order: ${stale.map(({ cell }) => cell).join(", ")}`,
    tone: "warn",
  };
  return { ...card, badges: [...card.badges, ...badge], notes: [list, ...reasonNotes(stale), ...later, ...card.notes] };
}

/** A run's card that says why it can't tell what is stale. */
export function withoutMarks(card: Card, problem: unknown): Card {
  const why = problem instanceof Error ? problem.message : String(problem);
  const note: CardNote = { text: `What is stale now could not be found out: ${clip(why, 200)}`, tone: "plain" };
  return { ...card, notes: [...card.notes, note] };
}

/** Each reason once, with the cells it is one of. That a run is made from a stale one goes without saying. */
function reasonNotes(stale: readonly StageStanding[]): CardNote[] {
  const cells = new Map<string, string[]>();
  for (const { cell, reasons } of stale) {
    // Where several inputs were made anew, the first of them in the journey is why the others were.
    const input = reasons.find(({ cause }) => cause === "input");
    for (const reason of reasons) {
      if (reason.cause === "upstream" || (reason.cause === "input" && reason !== input)) continue;
      cells.set(reason.words, [...(cells.get(reason.words) ?? []), cell]);
    }
  }
  const texts = [...cells].map(([words, of]) => {
    const who = of.length === stale.length && of.length > 1 ? "" : `${of.join(", ")}: `;
    return `${who}${clip(words, REASON_LETTERS)}`;
  });
  const rest = texts.length - MOST_REASONS;
  const shown = texts.slice(0, MOST_REASONS).map((text): CardNote => ({ text, tone: "plain" }));
  return rest > 0 ? [...shown, { text: `and ${counted(rest, "more reason")}: stale(session)`, tone: "plain" }] : shown;
}

const states: Readonly<Record<StageStanding["state"], string>> = {
  fresh: "fresh",
  stale: "stale",
  unknown: "not known",
  never_run: "never run",
  off: "off",
};

/** Which cells of a session have to be run again. */
export function staleCard(report: StaleReport): Card {
  const unknown = report.stages.filter(({ state }) => state === "unknown");
  const badges: Badge[] =
    report.rerun.length > 0
      ? [{ text: `${report.rerun.length} stale`, tone: "warn" }]
      : unknown.length > 0
        ? [{ text: `${unknown.length} not known`, tone: "warn" }]
        : [{ text: "nothing is stale", tone: "good" }];
  return {
    kind: "stale report",
    title: "What is stale",
    id: "",
    subtitle: `session ${clip(report.session, 60)}`,
    badges,
    figures: report.rerun.length > 0 ? [{ label: "Run again, in this order", value: report.rerun.join(", ") }] : [],
    tables: [
      {
        title: "Stages",
        columns: ["Cell", "State", "Why", "Last run"],
        right: [],
        groups: [{ heading: null, rows: report.stages.map(standingRow) }],
        more: "",
        folded: false,
      },
    ],
    notes: [],
    charts: [],
  };
}

function standingRow({ cell, state, id, reasons, remarks }: StageStanding): (string | null)[] {
  return [cell, states[state], standingWords({ reasons, remarks }) || null, id === null ? null : clip(id, 40)];
}

/** Why a run stands as it does, on one line. */
export function standingWords({ reasons, remarks }: Pick<StageStanding, "reasons" | "remarks">): string {
  return [...reasons.map(({ words }) => words), ...remarks].map((words) => clip(words, REASON_LETTERS)).join("; ");
}
