import { z } from "zod";

/** What was read, or what is wrong with it. */
export type LabelledJson<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: string };

/** A wrong file can have as many problems as it has lines. */
const MOST_WORDS = 300;

/**
 * Checks the text of a file whose first key, `schema`, says what it is: a file of another version is told from one that is damaged.
 *
 * @param label the only schema that is read
 */
export function parseLabelled<T extends z.ZodType>(text: string, label: string, schema: T): LabelledJson<z.infer<T>> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return { ok: false, problem: `it is no JSON (${(error as Error).message})` };
  }
  const found = (json as { schema?: unknown } | null)?.schema;
  if (found !== label)
    return { ok: false, problem: `it has schema ${clip(JSON.stringify(found))}, this version reads ${label}` };
  const parsed = schema.safeParse(json);
  if (parsed.success) return { ok: true, value: parsed.data };
  return { ok: false, problem: clip(z.prettifyError(parsed.error).replaceAll("\n", "; ")) };
}

/** @param words undefined where there are none, as JSON has it */
function clip(words: string | undefined): string {
  const all = String(words);
  return all.length > MOST_WORDS ? `${all.slice(0, MOST_WORDS - 3)}...` : all;
}
