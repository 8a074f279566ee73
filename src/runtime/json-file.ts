import { readFile, stat } from "node:fs/promises";
import { badTokenizer } from "../core/errors.js";

/** The deepest that tokenizer files are known to nest is 12. */
const MAX_DEPTH = 64;

/**
 * Reads an object from a JSON file that is not trusted: size and depth are
 * checked before it is parsed.
 *
 * @throws RagError `bad_tokenizer`
 */
export async function readJsonObject(file: string, maxBytes: number): Promise<Record<string, unknown>> {
  try {
    const { size } = await stat(file);
    if (size > maxBytes) throw new RangeError(`it has ${size} bytes and at most ${maxBytes} are read`);
    const bytes = await readFile(file);
    if (depthOf(bytes) > MAX_DEPTH) throw new RangeError(`its JSON is nested more than ${MAX_DEPTH} deep`);
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw new TypeError("it holds no JSON object");
    return value as Record<string, unknown>;
  } catch (error) {
    throw badTokenizer(file, error instanceof Error ? error.message : String(error));
  }
}

/** Deepest nesting of brackets and braces outside strings; a byte of a UTF-8 sequence is never mistaken for one of them. */
function depthOf(bytes: Uint8Array): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (inString) {
      if (byte === 0x5c) i++;
      else if (byte === 0x22) inString = false;
    } else if (byte === 0x22) inString = true;
    else if (byte === 0x7b || byte === 0x5b) deepest = Math.max(deepest, ++depth);
    else if (byte === 0x7d || byte === 0x5d) depth--;
  }
  return deepest;
}
