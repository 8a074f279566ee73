import { createReadStream } from "node:fs";
import { pacer } from "../runtime/pace.js";

/** A file without line ends is no JSONL; it must not be read into memory whole. */
const LONGEST_LINE = 256 << 20;

/**
 * The lines of a UTF-8 file, a megabyte at a time, without their ends; the event
 * loop moves meanwhile. An empty
 * last line, as every JSONL file has, is left out.
 *
 * @throws RangeError for a line above 256 MiB, TypeError for bytes that are not UTF-8
 */
export async function* linesOf(path: string, signal?: AbortSignal): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let rest: Buffer[] = [];
  let length = 0;
  const pace = pacer(signal);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 18 }) as AsyncIterable<Buffer>) {
    signal?.throwIfAborted();
    let at = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, at)) {
      const tail = chunk.subarray(at, end);
      yield decoder.decode(rest.length === 0 ? tail : Buffer.concat([...rest, tail]));
      rest = [];
      length = 0;
      at = end + 1;
      const turn = pace();
      if (turn) await turn;
    }
    rest.push(chunk.subarray(at));
    length += chunk.length - at;
    if (length > LONGEST_LINE) throw new RangeError(`a line is longer than ${LONGEST_LINE} bytes`);
  }
  if (length > 0) yield decoder.decode(Buffer.concat(rest));
}

/** The elements of a JSON array that stands one element a line, as this library writes it. @throws SyntaxError */
export async function* arrayLines(path: string, signal?: AbortSignal): AsyncGenerator<unknown> {
  let state: "start" | "inside" | "end" = "start";
  for await (const line of linesOf(path, signal)) {
    if (state === "start" && (line === "[" || line === "[]")) state = line === "[" ? "inside" : "end";
    else if (state === "inside" && line === "]") state = "end";
    else if (state === "inside") yield JSON.parse(line.endsWith(",") ? line.slice(0, -1) : line);
    else throw new SyntaxError(`it is no JSON array with one element a line: ${JSON.stringify(line.slice(0, 40))}`);
  }
  if (state !== "end") throw new SyntaxError("its array does not end");
}
