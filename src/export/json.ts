import { pacer } from "../runtime/pace.js";
import { openText, type Written } from "../store/atomic.js";

/**
 * JSON on one line for every reader: line separators that other languages split
 * at stand escaped, and a lone surrogate, which a notebook's JSON can hold and
 * other parsers refuse, becomes U+FFFD.
 */
export function portableJson(value: unknown): string {
  const json = JSON.stringify(value).replace(
    /[\u0085\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  if (!/\\ud[89a-f]/.test(json)) return json;
  return json.replace(/\\(u[\da-f]{4}|.)/g, (whole, code: string) => (/^ud[89a-f]/.test(code) ? "\ufffd" : whole));
}

/**
 * Writes a JSON array without holding it: one element a line, so that it can be
 * read back line by line too. The event loop moves meanwhile.
 *
 * @returns what was written, and how many elements
 * @throws RagError `store_write_failed`
 */
export function writeJsonArray(path: string, items: AsyncIterable<unknown>, what: string): Promise<WrittenRows> {
  return writeRows(path, items, what, { before: "[\n", between: ",\n", after: "\n]\n", none: "[]\n" });
}

/** Writes JSONL without holding it: one JSON value a line. @throws RagError `store_write_failed` */
export function writeJsonLines(path: string, items: AsyncIterable<unknown>, what: string): Promise<WrittenRows> {
  return writeRows(path, items, what, { before: "", between: "\n", after: "\n", none: "" });
}

/** A finished file, and how many values it holds. */
export interface WrittenRows extends Written {
  readonly rows: number;
}

/** What stands around the values. */
interface Frame {
  readonly before: string;
  readonly between: string;
  readonly after: string;
  readonly none: string;
}

async function writeRows(
  path: string,
  items: AsyncIterable<unknown>,
  what: string,
  frame: Frame,
): Promise<WrittenRows> {
  const file = await openText(path, what);
  const pace = pacer();
  let rows = 0;
  try {
    for await (const item of items) {
      await file.add((rows++ === 0 ? frame.before : frame.between) + portableJson(item));
      const turn = pace();
      if (turn) await turn;
    }
    await file.add(rows === 0 ? frame.none : frame.after);
    return { ...(await file.commit()), rows };
  } catch (error) {
    await file.abort();
    throw error;
  }
}
