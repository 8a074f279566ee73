import { closeSync, openSync, readSync } from "node:fs";

// Numbers of the ELF format (https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html), 64 bits, little-endian.
const MAGIC = 0x464c457f;
const LOAD = 1;
const DYNAMIC = 2;
const [NEEDED, STRING_TABLE, STRING_BYTES] = [1n, 5n, 10n];
const PROGRAM_HEADER_BYTES = 56;
/** No library comes near these: a file that says more is damaged. */
const MOST_HEADERS = 256;
const MOST_BYTES = 2 ** 24;

interface Segment {
  readonly kind: number;
  readonly offset: number;
  readonly address: bigint;
  readonly bytes: number;
}

/**
 * The libraries that a shared library asks for by name (DT_NEEDED), in its order. Only the
 * few kilobytes that say so are read.
 *
 * @throws RangeError for what is no 64-bit little-endian ELF file, or is damaged; the system's own errors
 */
export function neededLibraries(path: string): string[] {
  const fd = openSync(path, "r");
  try {
    const read = (offset: number, length: number): Buffer => {
      if (!Number.isSafeInteger(offset) || offset < 0 || length > MOST_BYTES) throw new RangeError("it is damaged");
      const buffer = Buffer.alloc(length);
      if (readSync(fd, buffer, 0, length, offset) < length) throw new RangeError("it is cut off");
      return buffer;
    };
    const segments = segmentsOf(read);
    const dynamic = segments.find(({ kind }) => kind === DYNAMIC);
    if (!dynamic) return [];
    const entries = entriesOf(read(dynamic.offset, dynamic.bytes));
    const value = (tag: bigint) => entries.find((entry) => entry.tag === tag)?.value;
    const table = value(STRING_TABLE);
    const home = segments.find(
      ({ kind, address, bytes }) =>
        kind === LOAD && table !== undefined && table >= address && table < address + BigInt(bytes),
    );
    if (table === undefined || !home) throw new RangeError("it has no table of strings");
    const strings = read(home.offset + Number(table - home.address), Number(value(STRING_BYTES) ?? 0n));
    return entries
      .filter(({ tag }) => tag === NEEDED)
      .map((entry) => {
        const from = Number(entry.value);
        const to = strings.indexOf(0, from);
        if (from >= strings.length || to === -1) throw new RangeError("it is damaged");
        return strings.toString("latin1", from, to);
      });
  } finally {
    closeSync(fd);
  }
}

function segmentsOf(read: (offset: number, length: number) => Buffer): Segment[] {
  const header = read(0, 64);
  if (header.readUInt32LE(0) !== MAGIC || header[4] !== 2 || header[5] !== 1)
    throw new RangeError("it is no 64-bit library of Linux");
  const count = header.readUInt16LE(56);
  if (header.readUInt16LE(54) !== PROGRAM_HEADER_BYTES || count > MOST_HEADERS) throw new RangeError("it is damaged");
  const table = read(Number(header.readBigUInt64LE(32)), count * PROGRAM_HEADER_BYTES);
  return Array.from({ length: count }, (_, i) => {
    const at = i * PROGRAM_HEADER_BYTES;
    return {
      kind: table.readUInt32LE(at),
      offset: Number(table.readBigUInt64LE(at + 8)),
      address: table.readBigUInt64LE(at + 16),
      bytes: Number(table.readBigUInt64LE(at + 32)),
    };
  });
}

function entriesOf(dynamic: Buffer): { readonly tag: bigint; readonly value: bigint }[] {
  return Array.from({ length: Math.floor(dynamic.length / 16) }, (_, i) => ({
    tag: dynamic.readBigInt64LE(i * 16),
    value: dynamic.readBigUInt64LE(i * 16 + 8),
  }));
}
