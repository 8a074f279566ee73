/**
 * As much of the protobuf wire format as ONNX files need: reading fields in
 * place with every bound checked, and writing small messages.
 * Format: https://protobuf.dev/programming-guides/encoding/
 */

/** Bytes that are read in place: an array of them, or a file that is too large to be one. */
export interface Bytes {
  readonly length: number;
  at(index: number): number | undefined;
  subarray(start: number, end: number): Uint8Array;
}

/** A field inside `bytes[start, end)` of some message; `value` is its number where it is a varint. */
export interface Field {
  readonly number: number;
  /** 0 varint, 1 eight bytes, 2 length-delimited, 5 four bytes. */
  readonly wire: number;
  /** The payload of a length-delimited field is `bytes[start, end)`. */
  readonly start: number;
  readonly end: number;
  readonly value: number;
}

/**
 * The fields of the message in `bytes[start, end)`, in order.
 *
 * @throws RangeError for a message that is cut off, or whose lengths or wire types are wrong
 */
export function* fields(bytes: Bytes, start = 0, end = bytes.length): Generator<Field> {
  let at = start;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 10; shift++) {
      if (at >= end) throw new RangeError(`a number is cut off at byte ${at}`);
      const byte = bytes.at(at++) as number;
      value += (byte & 0x7f) * 2 ** (7 * shift);
      if (byte < 0x80) return value;
    }
    throw new RangeError(`a number is longer than 10 bytes at byte ${at}`);
  };
  while (at < end) {
    const tag = at;
    const key = varint();
    const number = Math.floor(key / 8);
    const wire = key % 8;
    let value = 0;
    let size = 0;
    if (number < 1 || number >= 2 ** 29) throw new RangeError(`there is no field ${number}, as at byte ${tag}`);
    if (wire === 0) value = varint();
    else if (wire === 1) size = 8;
    else if (wire === 2) size = varint();
    else if (wire === 5) size = 4;
    else throw new RangeError(`wire type ${wire} is not used by ONNX, as at byte ${tag}`);
    if (size > end - at) throw new RangeError(`field ${number} at byte ${tag} is ${size} bytes long, past the end`);
    yield { number, wire, start: at, end: at + size, value };
    at += size;
  }
}

/** The UTF-8 text of a length-delimited field. */
export function textOf(bytes: Bytes, field: Field): string {
  const text = bytes.subarray(field.start, field.end);
  return Buffer.from(text.buffer, text.byteOffset, text.byteLength).toString("utf8");
}

/** A varint field; a negative value takes ten bytes, as int64 does. */
export function intField(number: number, value: number): Uint8Array {
  return Buffer.concat([varintBytes(BigInt(number * 8)), varintBytes(BigInt.asUintN(64, BigInt(value)))]);
}

/** A length-delimited field: bytes, text, or a message given as its fields. */
export function field(number: number, payload: Uint8Array | string | readonly Uint8Array[]): Uint8Array {
  const bytes =
    typeof payload === "string"
      ? Buffer.from(payload)
      : payload instanceof Uint8Array
        ? payload
        : Buffer.concat(payload);
  return Buffer.concat([varintBytes(BigInt(number * 8 + 2)), varintBytes(BigInt(bytes.length)), bytes]);
}

function varintBytes(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
