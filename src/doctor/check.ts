import type { DoctorCheck } from "../schema/doctor-types.js";

/** The first line of what went wrong, short enough for a table. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const line = text.trim().split("\n", 1)[0] as string;
  return line.length > 300 ? `${line.slice(0, 297)}...` : line;
}

/** Checks as a table, a line each. */
export function checkTable(checks: readonly DoctorCheck[]): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  return checks
    .map(({ name, verdict, said, remedy }) => {
      const words = remedy === null ? said : `${said}. ${remedy}`;
      return `  ${verdict.padEnd(7)}  ${name.padEnd(width)}  ${words}\n`;
    })
    .join("");
}
