import type { LocatedModel } from "../schema/model-types.js";
import type { PlannedPass } from "../schema/plan-types.js";
import type { Settings } from "../schema/settings-types.js";
import type { ChunkRun, Note } from "../schema/types.js";

/** Tokens that a query adds to a chunk in a pair: a short question. */
export const QUERY_TOKENS = 16;

/** What the notes of a plan are about. */
interface Planned {
  readonly settings: Settings;
  readonly chunks: ChunkRun;
  readonly passes: readonly PlannedPass[];
  /** The model of each pass, as it is on disk. */
  readonly models: readonly LocatedModel[];
  readonly onGpu: boolean;
  /** Whether the reranking is planned. */
  readonly withQueries: boolean;
}

/** What a plan took for granted, and what it left out. */
export function planNotes({ settings, chunks, passes, models, onGpu, withQueries }: Planned): Note[] {
  const notes: Note[] = [
    {
      code: "planned_lengths",
      message: `Rows are as long as ${chunks.limit.model} counts their tokens, cut to each model's limit; a query counts as ${QUERY_TOKENS} tokens.`,
    },
  ];
  const others = models.filter((model, i) => model.dtype !== passes[i]?.dtype);
  if (others.length > 0)
    notes.push({
      code: "planned_dtype",
      message: `${others.map(({ card }) => card.key).join(", ")}: other weights are on disk than such a device would load; their size was calculated.`,
    });
  const tooLong = passes.reduce((sum, pass) => sum + pass.tooLong, 0);
  if (tooLong > 0)
    notes.push({
      code: "planned_too_long",
      message: "Some rows are expected not to fit on a device even alone. Cut chunks smaller, or raise memoryCapBytes.",
      count: tooLong,
    });
  if (settings.enableSparse && settings.sparse.includes("bm25") && onGpu)
    notes.push({
      code: "planned_bm25",
      message: "bm25 takes no model and no GPU; its seconds on the CPU are not in the plan.",
    });
  if (settings.enableRerank && !withQueries)
    notes.push({
      code: "planned_rerank",
      message: "The reranking is not in the plan: plan(session, chunks, { queries: 50 }) counts it in.",
    });
  return notes;
}
