import { badHeadingSample, badQuery, noHeadings, noQueries } from "../core/errors.js";
import { contentId, sha256 } from "../core/hash.js";
import type { Query, QuerySet } from "../schema/types.js";
import { readQueryFile } from "./query-file.js";

/** A query is a question, not a document: the longest one taken, in UTF-16 code units. */
export const LONGEST_QUERY = 4000;

/** Options of {@link queriesFromHeadings}. */
export interface HeadingSample {
  /** Queries wanted; fewer headings give fewer. 20 by default. */
  readonly count?: number;
  /** Another seed draws another sample. 1 by default. */
  readonly seed?: number;
}

/**
 * The operator's own queries. White space around a text is dropped; a query's id
 * is `q-` and 16 hex digits of the sha256 of its text.
 *
 * @throws RagError `no_queries`, `bad_query` (which one, and why)
 */
export function queries(texts: readonly string[]): QuerySet {
  if (!Array.isArray(texts) || texts.length === 0) throw noQueries(texts);
  return querySet(
    texts.map((text, i) => [text, `query ${i + 1}`]),
    "operator",
  );
}

/**
 * Queries from a UTF-8 file: `.txt`, one a line; `.json`, an array of strings or a
 * file of questions (`{ "schema": "rag-cells/questions", "version": 1, "questions": [{ "id", "text", "relevant" }] }`).
 *
 * @throws RagError `bad_query_file`, `bad_query` (its line, item or question, and why)
 */
export async function queriesFromFile(path: string): Promise<QuerySet> {
  return querySet(await readQueryFile(path), "file");
}

/**
 * Queries made of a corpus's headings, marked `generated`: they try a collection
 * out, and say nothing about what people will ask. The sample depends on the
 * headings and the seed alone, not on their order; another heading in the corpus
 * changes at most one query.
 *
 * @throws RagError `no_headings` when no heading has a letter, `bad_heading_sample`
 */
export function queriesFromHeadings(headings: Iterable<string>, options: HeadingSample = {}): QuerySet {
  const { count = 20, seed = 1 } = options;
  if (!(Number.isInteger(count) && count > 0))
    throw badHeadingSample("count", count, "must be a whole number from 1 up");
  if (!Number.isInteger(seed)) throw badHeadingSample("seed", seed, "must be a whole number");
  const drawn = new Map<string, string>();
  for (const heading of headings) {
    const text = heading.replace(/\s+/g, " ").trim();
    if (/\p{L}/u.test(text) && problemOf(text) === null) drawn.set(sha256(`${seed}\n${text}`), text);
  }
  if (drawn.size === 0) throw noHeadings();
  const sample = [...drawn].sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, count);
  return querySet(
    sample.map(([, text]) => [text, "heading"]),
    "generated",
  );
}

/** @param texts and where each stands, for messages */
function querySet(texts: readonly (readonly [string, string])[], source: Query["source"]): QuerySet {
  const byId = new Map<string, Query>();
  for (const [raw, place] of texts) {
    const text = typeof raw === "string" ? raw.trim() : raw;
    const problem = problemOf(text);
    if (problem !== null) throw badQuery(place, text, problem);
    const id = `q-${sha256(text).slice(0, 16)}`;
    byId.set(id, { id, text, source });
  }
  const again = texts.length - byId.size;
  const message = `${again} of ${texts.length} queries repeat an earlier text and are asked once.`;
  return {
    kind: "queries",
    id: contentId("queries", { ids: [...byId.keys()], source }),
    queries: [...byId.values()],
    notes: again > 0 ? [{ code: "duplicate_queries", message, count: again }] : [],
  };
}

function problemOf(text: unknown): string | null {
  if (typeof text !== "string") return "it is no text";
  if (text === "") return "it is empty";
  if (text.length > LONGEST_QUERY) return `it has ${text.length} characters, a query at most ${LONGEST_QUERY}`;
  // Half a surrogate pair has no UTF-8, so different texts would get one hash.
  if (/\p{Surrogate}/u.test(text)) return "it holds half of a surrogate pair, which is no character";
  return null;
}
