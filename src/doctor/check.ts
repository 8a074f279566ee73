/** What one look at the machine found. */
export interface Check {
  readonly name: string;
  /** `missing` is what rag-cells can't work without; a `note` is worth knowing. */
  readonly verdict: "ok" | "note" | "missing";
  /** What is there, or is not. */
  readonly said: string;
  /** What to do; null where nothing is to be done. */
  readonly remedy: string | null;
}

export const ok = (name: string, said: string): Check => ({ name, verdict: "ok", said, remedy: null });

export const note = (name: string, said: string, remedy: string | null = null): Check => ({
  name,
  verdict: "note",
  said,
  remedy,
});

export const missing = (name: string, said: string, remedy: string): Check => ({
  name,
  verdict: "missing",
  said,
  remedy,
});

/** The first line of what went wrong, short enough for a table. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const line = text.trim().split("\n", 1)[0] as string;
  return line.length > 300 ? `${line.slice(0, 297)}...` : line;
}

/** Checks as a table, a line each. */
export function checkTable(checks: readonly Check[]): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  return checks
    .map(({ name, verdict, said, remedy }) => {
      const words = remedy === null ? said : `${said}. ${remedy}`;
      return `  ${verdict.padEnd(7)}  ${name.padEnd(width)}  ${words}\n`;
    })
    .join("");
}
