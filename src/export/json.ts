import { openText, type Written } from "../store/atomic.js";

/**
 * JSON in which every string is well-formed Unicode. A lone surrogate, which a
 * notebook's JSON can hold and other languages' parsers refuse, becomes U+FFFD.
 */
export function portableJson(value: unknown): string {
  const json = JSON.stringify(value);
  if (!/\\ud[89a-f]/.test(json)) return json;
  return json.replace(/\\(u[\da-f]{4}|.)/g, (escape, code: string) => (/^ud[89a-f]/.test(code) ? "\ufffd" : escape));
}

/**
 * Writes a JSON array without holding it: one element a line, so that it can be
 * read back line by line too.
 *
 * @returns what was written, and how many elements
 * @throws RagError `store_write_failed`
 */
export async function writeJsonArray(
  path: string,
  items: AsyncIterable<unknown> | Iterable<unknown>,
  what: string,
): Promise<Written & { readonly rows: number }> {
  return writeText(path, what, async (add) => {
    let rows = 0;
    for await (const item of items) await add(`${rows++ === 0 ? "[\n" : ",\n"}${portableJson(item)}`);
    await add(rows === 0 ? "[]\n" : "\n]\n");
    return rows;
  });
}

/** Writes JSONL without holding it: one JSON value a line. @throws RagError `store_write_failed` */
export async function writeJsonLines(
  path: string,
  items: AsyncIterable<unknown> | Iterable<unknown>,
  what: string,
): Promise<Written & { readonly rows: number }> {
  return writeText(path, what, async (add) => {
    let rows = 0;
    for await (const item of items) {
      await add(`${portableJson(item)}\n`);
      rows++;
    }
    return rows;
  });
}

async function writeText(
  path: string,
  what: string,
  work: (add: (text: string) => Promise<void>) => Promise<number>,
): Promise<Written & { readonly rows: number }> {
  const file = await openText(path, what);
  try {
    const rows = await work(file.add);
    return { ...(await file.commit()), rows };
  } catch (error) {
    await file.abort();
    throw error;
  }
}
