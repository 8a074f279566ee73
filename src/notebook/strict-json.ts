/** JSON that is read as the very value that was written, or an error. */
import { valueRefused } from "../core/errors.js";

/** Python's own json gives up a little below a thousand levels. */
const DEEPEST = 200;
/** One string has at most 512 MiB. */
const LONGEST = 256 * 1024 ** 2;

/**
 * JSON text of a value. Integers beyond 2^53 - 1 get a `.0`, so that Python
 * reads the same double and not another integer.
 * @param name what the value is called in messages.
 * @throws RagError `value_refused` for all that JSON would drop or change: undefined, NaN, Map, class instances, circles
 */
export function jsonText(value: unknown, name: string): string {
  const pieces: string[] = [];
  let length = 0;
  const add = (piece: string) => {
    length += piece.length;
    if (length > LONGEST)
      throw valueRefused(name, `takes more than ${LONGEST} letters as JSON`, "Get numbers as a typed array.");
    pieces.push(piece);
  };
  write(value, name, [], add);
  return pieces.join("");
}

type Add = (piece: string) => void;

function write(value: unknown, path: string, above: readonly object[], add: Add): void {
  if (value === null || typeof value === "boolean" || typeof value === "string") {
    add(JSON.stringify(value));
    return;
  }
  if (typeof value === "number") {
    add(numberText(value, path));
    return;
  }
  if (typeof value !== "object") {
    const remedy = value === undefined ? "Use null, or leave the key out." : "Get it as a string.";
    throw valueRefused(
      path,
      `is ${value === undefined ? "undefined" : `a ${typeof value}`}, which JSON can't hold`,
      remedy,
    );
  }
  if (above.includes(value)) throw valueRefused(path, "holds itself, so it has no end", "Get it without the circle.");
  if (above.length >= DEEPEST) throw valueRefused(path, `lies more than ${DEEPEST} levels deep`, "Get it flatter.");
  if (Array.isArray(value)) writeArray(value, path, [...above, value], add);
  else writeObject(value, path, [...above, value], add);
}

function writeArray(values: readonly unknown[], path: string, above: readonly object[], add: Add): void {
  if (Reflect.ownKeys(values).length !== values.length + 1) {
    throw valueRefused(
      path,
      "is an array with holes or with names, which JSON can't hold",
      "Get a copy: Array.from(...).",
    );
  }
  add("[");
  for (const [i, item] of values.entries()) {
    if (i > 0) add(",");
    write(item, `${path}[${i}]`, above, add);
  }
  add("]");
}

function writeObject(value: object, path: string, above: readonly object[], add: Add): void {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw valueRefused(path, `is a ${className(value)}, which JSON can't hold`, remedyFor(value));
  }
  const keys = Object.keys(value);
  if (Reflect.ownKeys(value).length !== keys.length) {
    throw valueRefused(path, "has keys that are symbols or hidden, which JSON can't hold", "Get a plain copy.");
  }
  add("{");
  for (const [i, key] of keys.entries()) {
    add(`${i > 0 ? "," : ""}${JSON.stringify(key)}:`);
    write((value as Record<string, unknown>)[key], `${path}[${JSON.stringify(key)}]`, above, add);
  }
  add("}");
}

function numberText(value: number, path: string): string {
  if (!Number.isFinite(value))
    throw valueRefused(path, `is ${value}, which JSON can't hold`, "Use null, or get a typed array.");
  if (Object.is(value, -0)) return "-0.0";
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? `${BigInt(value)}.0` : String(value);
}

function className(value: object): string {
  const name: unknown = value.constructor?.name;
  return typeof name === "string" && name !== "" ? name : "class instance";
}

function remedyFor(value: object): string {
  if (value instanceof Map) return "Get Object.fromEntries(...) or [...map].";
  if (value instanceof Set) return "Get [...set].";
  if (value instanceof Date) return "Get .toISOString().";
  if (ArrayBuffer.isView(value)) return "Get the typed array by itself, or Array.from(...) of it.";
  return "Get a plain object of what is needed.";
}
