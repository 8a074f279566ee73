/** Element types that are read and written. int64 is held as exact integers in a Float64Array. */
export type NpyType = "float32" | "float64" | "int64" | "uint32" | "int8" | "uint8";

/** NumPy's name of a type, and the bytes of one element. */
export const npyTypes: Readonly<Record<NpyType, { readonly descr: string; readonly bytes: number }>> = {
  float32: { descr: "<f4", bytes: 4 },
  float64: { descr: "<f8", bytes: 8 },
  int64: { descr: "<i8", bytes: 8 },
  uint32: { descr: "<u4", bytes: 4 },
  int8: { descr: "|i1", bytes: 1 },
  uint8: { descr: "|u1", bytes: 1 },
};

/** What an `.npy` file says of itself. */
export interface NpyHeader {
  readonly type: NpyType;
  /** `[rows]` or `[rows, dim]`, C order. */
  readonly shape: readonly number[];
}

const MAGIC = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]);
/** Bytes before the header's text, in version 1.0 and in 2.0. */
export const NPY_PREFIX_BYTES = 12;
/** The limit that NumPy itself sets for headers it does not trust. */
const LONGEST_HEADER = 10_000;
/** NumPy leaves room for the first dimension to grow to 21 digits; so do we, to write the same bytes. */
const GROWTH_DIGITS = 21;

/**
 * The bytes before the data, format 1.0, as `numpy.save` writes them.
 * Source: the NumPy Enhancement Proposal 1 and numpy.lib.format.
 */
export function encodeNpyHeader({ type, shape }: NpyHeader): Buffer {
  return npyHeaderBytes(npyTypes[type].descr, shape);
}

/** {@link encodeNpyHeader} for NumPy's own name of an element type, and any number of dimensions. */
export function npyHeaderBytes(descr: string, shape: readonly number[]): Buffer {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const dict = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const room = shape.length === 0 ? 0 : GROWTH_DIGITS - String(shape[0]).length;
  const text = dict + " ".repeat(Math.max(0, room));
  const padded = Math.ceil((10 + text.length + 1) / 64) * 64;
  const header = Buffer.alloc(padded, 0x20);
  MAGIC.copy(header);
  header[6] = 1;
  header[7] = 0;
  header.writeUInt16LE(padded - 10, 8);
  header.write(text, 10, "latin1");
  header[padded - 1] = 0x0a;
  return header;
}

/** Where the header's text and the data begin, from the first {@link NPY_PREFIX_BYTES} bytes; or what is wrong with them. */
export function readNpyPrefix(prefix: Buffer): { readonly textAt: number; readonly dataAt: number } | string {
  if (prefix.length < NPY_PREFIX_BYTES || !prefix.subarray(0, 6).equals(MAGIC)) {
    return "it does not begin as an .npy file does";
  }
  const [major, minor] = [prefix[6], prefix[7]];
  if ((major !== 1 && major !== 2) || minor !== 0) return `it has format ${major}.${minor}; 1.0 and 2.0 are read`;
  const textAt = major === 1 ? 10 : 12;
  const length = major === 1 ? prefix.readUInt16LE(8) : prefix.readUInt32LE(8);
  if (length > LONGEST_HEADER) return `its header claims ${length} bytes; at most ${LONGEST_HEADER} are read`;
  return { textAt, dataAt: textAt + length };
}

/** Reads the header's text, a Python dictionary of exactly `descr`, `fortran_order` and `shape`; or says what is wrong with it. */
export function parseNpyHeader(text: string): NpyHeader | string {
  const dict = /^\s*\{([^{}]*)\}\s*$/.exec(text)?.[1];
  if (dict === undefined) return "its header is no dictionary";
  const found: Record<string, string> = {};
  const entry = /\s*'(\w+)'\s*:\s*('[^'\\]*'|True|False|\([\d\s,L]*\))\s*(,|$)/y;
  while (entry.lastIndex < dict.length && dict.slice(entry.lastIndex).trim() !== "") {
    const at = entry.lastIndex;
    const match = entry.exec(dict);
    if (!match) return `its header can't be read from ${JSON.stringify(dict.slice(at, at + 40))} on`;
    const [, key, value] = match as unknown as [string, string, string];
    if (Object.hasOwn(found, key)) return `its header has ${key} twice`;
    found[key] = value;
  }
  const names = Object.keys(found).sort().join(", ");
  if (names !== "descr, fortran_order, shape")
    return `its header has the keys ${names || "(none)"}, not descr, fortran_order and shape`;
  const { descr, fortran_order: fortran, shape } = found as { descr: string; fortran_order: string; shape: string };
  if (fortran === "True") return "its rows are stored in Fortran order; save it with numpy.ascontiguousarray";
  if (fortran !== "False") return `its fortran_order is ${fortran}`;
  const type = (Object.keys(npyTypes) as NpyType[]).find((name) => `'${npyTypes[name].descr}'` === descr);
  if (!type)
    return `its element type is ${descr}; read are ${Object.values(npyTypes)
      .map((t) => t.descr)
      .join(", ")}`;
  const sizes = parseShape(shape);
  if (typeof sizes === "string") return sizes;
  return { type, shape: sizes };
}

function parseShape(tuple: string): number[] | string {
  const inner = /^\(\s*((?:\d+L?\s*,\s*)*(?:\d+L?\s*)?)\)$/.exec(tuple)?.[1];
  if (inner === undefined) return `its shape is ${JSON.stringify(tuple)}`;
  const sizes = inner
    .split(",")
    .map((part) => part.trim().replace("L", ""))
    .filter((part) => part !== "")
    .map(Number);
  if (sizes.length < 1 || sizes.length > 2) return `it has ${sizes.length} dimensions; arrays of 1 or 2 are read`;
  if (!Number.isSafeInteger(sizes.reduce((a, b) => a * b, 8)))
    return `its shape ${tuple} is beyond what can be addressed`;
  return sizes;
}
