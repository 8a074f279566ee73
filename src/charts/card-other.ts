import type { QuerySet, Skipped } from "../schema/types.js";
import { notesOf, plainTable } from "./card-parts.js";
import type { Card } from "./card-types.js";
import { count, counted } from "./format.js";
import { clip } from "./text.js";

const toggles = {
  sparse: { title: "Sparse pass", setting: "enableSparse", variable: "EMBEDDER_ENABLE_SPARSE" },
  rerank: { title: "Rerank", setting: "enableRerank", variable: "EMBEDDER_ENABLE_RERANK" },
} as const;

/** A stage that is off, and who turned it off. */
export function skippedCard(value: Skipped): Card {
  const { title, setting, variable } = toggles[value.stage];
  return {
    kind: `${value.stage} stage`,
    title,
    id: "",
    subtitle: "nothing was computed",
    badges: [{ text: `off: set by ${clip(value.source, 60)}`, tone: "warn" }],
    figures: [
      { label: "Set by", value: clip(value.source, 120) },
      { label: "Setting", value: setting, how: `or ${variable} in the environment` },
    ],
    tables: [],
    notes: [],
    charts: [],
  };
}

/** The queries to search with. */
export function queriesCard(set: QuerySet): Card {
  const by = (source: string) => set.queries.filter((q) => q.source === source).length;
  const sources = ["operator", "file", "generated"].filter((source) => by(source) > 0);
  return {
    kind: "queries",
    title: "Queries",
    id: set.id,
    subtitle: counted(set.queries.length, "query", "queries"),
    badges: by("generated") > 0 ? [{ text: `${count(by("generated"))} generated`, tone: "warn" }] : [],
    figures: sources.map((source) => ({ label: `From ${source}`, value: count(by(source)) })),
    tables: [
      plainTable(
        "Queries",
        ["Query", "From", "Characters", "Id"],
        [2],
        set.queries.map((q) => [clip(q.text, 110), q.source, q.text.length, clip(q.id, 24)]),
        { where: "the set's queries", most: 12 },
      ),
    ],
    notes: notesOf(set.notes),
    charts: [],
  };
}
