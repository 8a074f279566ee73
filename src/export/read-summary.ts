import { manifestNewer, manifestUnreadable } from "../core/errors.js";
import { parseAnySummary } from "../schema/manifest-reader.js";
import type { SummaryView } from "../schema/manifest-view-types.js";

/**
 * Reads the parsed JSON of a processing summary: v4.0 and v4.1, of this library
 * and of the reference in all its shapes, under one set of names.
 *
 * @throws RagError `manifest_newer` for a version after v4.1, `manifest_unreadable`
 */
export function readSummary(json: unknown): SummaryView {
  const result = parseAnySummary(json);
  if (result.ok) return result.summary;
  throw result.newer ? manifestNewer(result.problem) : manifestUnreadable(result.problem);
}
