/**
 * How a cell failed. tslab sends no `error` message: it prints to stderr, and
 * an unhandled rejection even leaves the cell "ok".
 */
import { plainText } from "./terminal.js";

/** What tslab's own handlers print in front of an error that no cell caught. */
const UNCAUGHT = /^(UnhandledPromiseRejection|UncaughtException):/;

/** A compiler message as tslab prints it: an optional file, line:column, text. */
const DIAGNOSTIC = /^(\S+ )?\d+:\d+ - /;

/** Stack frames of tslab and of Node, which say nothing about the cell. */
const INNER_FRAME =
  /^ +at .*(\/tslab\/dist\/|\/commander\/lib\/|node:vm:|node:internal\/|evalmachine\.<anonymous>:\d+:\d+$)/;

/**
 * The text of a cell's failure, or null where it did not fail.
 * @param status of the execute reply.
 * @param stderr every write to stderr during the cell, one entry each.
 */
export function cellFailure(status: string, stderr: readonly string[]): string | null {
  const writes = stderr.map((write) => withoutInnerFrames(plainText(write)).trimEnd());
  const uncaught = writes.filter((write) => UNCAUGHT.test(write));
  if (status === "ok") return uncaught.length > 0 ? uncaught.join("\n") : null;
  const rest = writes.filter((write) => write !== "" && !UNCAUGHT.test(write));
  let from = rest.length - 1;
  while (from > 0 && DIAGNOSTIC.test(rest[from] as string) && DIAGNOSTIC.test(rest[from - 1] as string)) from -= 1;
  return (
    [...rest.slice(Math.max(from, 0)), ...uncaught].join("\n") || `The kernel answered ${status} without a message.`
  );
}

function withoutInnerFrames(text: string): string {
  return text
    .split("\n")
    .filter((line) => !INNER_FRAME.test(line))
    .join("\n");
}
