import type { Card, DetailTable } from "./card-types.js";
import { count, counted } from "./format.js";
import { clip, visible } from "./text.js";

/** Lines of a card in a terminal. */
const MOST_LINES = 14;
const MOST_NOTES = 3;
const WIDTH = 110;

/** One line that names a card: `dense run dense-ab12cd34… · reused`. */
export function headline(card: Card): string {
  const id = clip(card.id, 26);
  const name = [visible(card.kind), id].filter(Boolean).join(" ");
  return [name, ...card.badges.map((badge) => visible(badge.text))].join(" · ");
}

/** A card as at most 14 lines of plain text, for a terminal or where HTML isn't shown. Foreign text can't forge a line or colour the terminal. */
export function textOf(card: Card): string {
  const notes = notesOf(card);
  const figures = card.figures.slice(0, MOST_LINES - 1 - notes.length);
  const column = Math.max(0, ...figures.map((figure) => visible(figure.label).length)) + 2;
  const lines = figures.map(({ label, value }) => `${visible(label).padEnd(column)}${visible(value)}`);
  const rows = rowsOf(card.tables[0]).slice(0, MOST_LINES - 1 - notes.length - lines.length);
  return [headline(card), ...[...lines, ...notes, ...rows].map((line) => `  ${cut(line)}`)].join("\n");
}

function notesOf({ notes }: Card): string[] {
  if (notes.length <= MOST_NOTES) return notes.map((note) => `! ${visible(note.text)}`);
  const shown = notes.slice(0, MOST_NOTES - 1).map((note) => `! ${visible(note.text)}`);
  return [...shown, `! and ${counted(notes.length - shown.length, "more note")}`];
}

function rowsOf(table: DetailTable | undefined): string[] {
  if (!table) return [];
  return table.groups.flatMap(({ heading, rows }) => [
    ...(heading === null ? [] : [visible(heading)]),
    ...rows.map((row) =>
      row.map((cell) => (typeof cell === "number" ? count(cell) : visible(cell ?? "–"))).join(" · "),
    ),
  ]);
}

/** A line that fits a terminal; its spaces line figures up, so that they stay. */
function cut(line: string): string {
  const letters = [...line];
  return letters.length <= WIDTH ? line : `${letters.slice(0, WIDTH - 1).join("")}…`;
}
