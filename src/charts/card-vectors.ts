import type { VectorCachePurge, VectorCacheStats } from "../schema/vector-cache-types.js";
import { notesOf, plainTable } from "./card-parts.js";
import type { Badge, Card, Figure } from "./card-types.js";
import { bytes, count, counted, moment, percent } from "./format.js";
import { barChart } from "./spec-bars.js";
import { clip, clipFront } from "./text.js";

/** What the vector cache holds. */
export function vectorStatsCard(stats: VectorCacheStats): Card {
  const off = stats.path === null;
  const badges: Badge[] = off ? [{ text: "switched off", tone: "warn" }] : [];
  const looked = stats.reused + stats.computed;
  const figures: Figure[] = [
    { label: "File", value: stats.path === null ? "none" : clipFront(stats.path, 60) },
    {
      label: "On disk",
      value: `${bytes(stats.bytes)} of at most ${bytes(stats.maxBytes)}`,
      how: `${percent(stats.bytes / stats.maxBytes)}; beyond the limit the least recently used go`,
    },
    { label: "Vectors", value: count(stats.vectors) },
    {
      label: "Unused ones go",
      value: stats.maxDays === null ? "never" : `after ${counted(stats.maxDays, "day")}`,
    },
    {
      label: "Reused",
      value: looked === 0 ? "nothing was asked for" : `${count(stats.reused)} of ${count(looked)}`,
      how: "by this kernel, since the session was opened",
    },
  ];
  const rows = stats.spaces.map((space) => [
    clip(space.model, 40),
    clip(space.dtype, 12),
    clip(space.output, 12),
    count(space.width),
    count(space.vectors),
    bytes(space.bytes),
    moment(space.oldest),
    moment(space.newest),
  ]);
  const chart = barChart(
    stats.spaces.map(({ model, dtype, bytes: size }) => ({
      name: `${model} ${dtype}`,
      value: size,
      words: bytes(size),
    })),
    { title: "Vectors by model", caption: "" },
  );
  return {
    kind: "vector cache",
    title: "Vector cache",
    id: "",
    subtitle: "vectors that are used again, shared by all sessions",
    badges,
    figures,
    tables: [
      plainTable(
        "Models",
        ["Model", "Weights", "Kind", "Width", "Vectors", "Size", "Oldest use", "Newest use"],
        [3, 4, 5],
        rows,
        { where: "stats.spaces" },
      ),
    ],
    notes: notesOf(stats.notes),
    charts: chart === null ? [] : [chart],
  };
}

/** What was removed from the vector cache. */
export function vectorPurgeCard(purge: VectorCachePurge): Card {
  return {
    kind: "vector cache purge",
    title: "Vector cache, purged",
    id: "",
    subtitle: "runs keep their vectors, and models are not touched",
    badges: [],
    figures: [
      { label: "File", value: clipFront(purge.path, 60) },
      { label: "Removed", value: counted(purge.vectors, "vector"), how: bytes(purge.removedBytes) },
      { label: "On disk", value: bytes(purge.bytesAfter), how: `before: ${bytes(purge.bytesBefore)}` },
    ],
    tables: [],
    notes: notesOf(purge.notes),
    charts: [],
  };
}
