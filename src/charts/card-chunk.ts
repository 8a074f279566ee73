import type { ChunkRun } from "../schema/types.js";
import { runCard } from "./card-parts.js";
import type { Card } from "./card-types.js";
import { count, counted } from "./format.js";
import { clip } from "./text.js";

/** The corpus in chunks. */
export function chunkCard(run: ChunkRun): Card {
  const outside = Object.entries(run.accounted)
    .filter(([, n]) => n > 0)
    .map(([reason, n]) => `${count(n)} ${clip(reason, 30)}`);
  return runCard(run, "Chunks", [
    { label: "Chunks", value: count(run.count) },
    { label: "Documents", value: count(run.documents) },
    {
      label: "Characters",
      value: count(run.characters),
      how: outside.length === 0 ? "each one in exactly one chunk" : `in no chunk, by reason: ${outside.join(", ")}`,
    },
    {
      label: "Tokens",
      value: count(run.tokens),
      how:
        run.count > 0 ? `${count(Math.round(run.tokens / run.count))} a chunk on average, special tokens included` : "",
    },
    {
      label: "Longest allowed",
      value: counted(run.limit.tokens, "token"),
      how: `the limit of ${clip(run.limit.model, 60)}`,
    },
  ]);
}
