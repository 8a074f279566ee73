/**
 * Every message the library can fail with. A message names the value, the rule
 * and the way out. Values that come from documents, files or models pass through
 * {@link quote}, so that they can't forge a line or colour a terminal.
 */

/** The one error class of the library; `code` is stable, the message is for people. */
export class RagError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "RagError";
    this.code = code;
  }
}

/** A foreign value for a message: JSON-quoted, control and bidirectional characters escaped, cut to 120 characters. */
export function quote(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? String(value));
  const short = text.length > 120 ? `${text.slice(0, 117)}...` : text;
  return JSON.stringify(short).replace(
    /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** `a, b and 3 more`, each quoted. */
export function quoteList(values: readonly unknown[], most = 8): string {
  const head = values.slice(0, most).map(quote).join(", ");
  return values.length > most ? `${head} and ${values.length - most} more` : head;
}
