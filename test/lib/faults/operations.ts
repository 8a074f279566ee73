/**
 * Every write of this process, one place to watch and to disturb it: the functions of
 * `fs/promises` and the methods of its file handles are replaced by ones that ask
 * handlers first. Modules that import them by name get the replacements too.
 * Import it before or after the library, but not into a process that must be left alone.
 */
import fs from "node:fs";
import fsp, { type FileHandle, open as openForReal } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { resolve } from "node:path";

/** One call that changes what is on disk, or makes a change durable. */
export interface Operation {
  readonly kind: "open" | "write" | "sync" | "truncate" | "rename" | "link" | "rm" | "mkdir";
  readonly path: string;
  /** Where a file is renamed or linked to. */
  readonly to?: string;
  /** The open file behind a write, a sync or a truncation. */
  readonly handle?: FileHandle;
  /** The bytes of a write. */
  readonly data?: Uint8Array;
  /** Writes the first half of the bytes; resolves to how many those were. */
  readonly half?: () => Promise<number>;
}

/** Does the operation, or something else in its place. */
export type Handler = (operation: Operation, run: () => Promise<unknown>) => Promise<unknown>;

const handlers: Handler[] = [];
const opened = new Map<FileHandle, string>();

/** Adds a handler around those that are there. Remove it by calling what is returned. */
export function onOperation(handler: Handler): () => void {
  handlers.push(handler);
  return () => handlers.splice(handlers.indexOf(handler), 1);
}

/** Paths of files and folders under `root` that were opened and not closed. */
export function openHandles(root: string): string[] {
  return [...opened.values()].filter((path) => path.startsWith(root));
}

function through<T>(operation: Operation, run: () => Promise<T>): Promise<T> {
  let next: () => Promise<unknown> = run;
  for (const handler of handlers) {
    const inner = next;
    next = () => handler(operation, inner);
  }
  return next() as Promise<T>;
}

const real = { ...fsp };
const probe = await openForReal("/dev/null", "r");
const prototype = Object.getPrototypeOf(probe) as FileHandle;
await probe.close();
const realHandle = {
  write: prototype.write,
  writev: prototype.writev,
  sync: prototype.sync,
  datasync: prototype.datasync,
  truncate: prototype.truncate,
};

type PositionedWrite = (
  this: FileHandle,
  data: Uint8Array,
  from: number,
  length: number,
  position: number | null,
) => Promise<{ bytesWritten: number }>;
type Call = (...arguments_: never[]) => Promise<unknown>;
const on = (
  handle: FileHandle,
  kind: Operation["kind"],
  run: () => Promise<unknown>,
  more?: Pick<Operation, "data" | "half">,
) => through({ kind, path: opened.get(handle) ?? "", handle, ...more }, run);

/** The bytes of a write, however it was called, and where they go. */
function bytesOf(data: Uint8Array | string, from?: number, length?: number, position?: number | null) {
  if (typeof data === "string") return { bytes: Buffer.from(data), position: from ?? null };
  const start = from ?? 0;
  return { bytes: data.subarray(start, start + (length ?? data.byteLength - start)), position: position ?? null };
}

Object.assign(prototype, {
  write(this: FileHandle, data: Uint8Array | string, from?: number, length?: number, position?: number | null) {
    const { bytes, position: at } = bytesOf(data, from, length, position);
    const write = realHandle.write as PositionedWrite;
    const put = (part: Uint8Array) => write.call(this, part, 0, part.byteLength, at);
    const half = async () => (await put(bytes.subarray(0, bytes.byteLength >> 1))).bytesWritten;
    return on(this, "write", () => put(bytes), { data: bytes, half });
  },
  writev(this: FileHandle, ...rest: Parameters<FileHandle["writev"]>) {
    return on(this, "write", () => realHandle.writev.apply(this, rest));
  },
  /** As Node does it, but by the `write` above. */
  async writeFile(this: FileHandle, data: Uint8Array | string) {
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    for (let done = 0; done < bytes.byteLength; )
      done += (await this.write(bytes, done, bytes.byteLength - done, null)).bytesWritten;
  },
  appendFile(this: FileHandle, data: Uint8Array | string) {
    return this.writeFile(data);
  },
  sync(this: FileHandle) {
    return on(this, "sync", () => realHandle.sync.call(this));
  },
  datasync(this: FileHandle) {
    return on(this, "sync", () => realHandle.datasync.call(this));
  },
  truncate(this: FileHandle, length?: number) {
    return on(this, "truncate", () => realHandle.truncate.call(this, length));
  },
});

async function open(path: string, flags: string | number = "r", mode?: number): Promise<FileHandle> {
  const run = async () => {
    const handle = await real.open(path, flags, mode);
    opened.set(handle, resolve(path));
    // No method of the prototype: each handle has its own.
    const close = handle.close;
    handle.close = () => {
      opened.delete(handle);
      return close.call(handle);
    };
    return handle;
  };
  return flags === "r" ? run() : through({ kind: "open", path: resolve(path) }, run);
}

async function writeWhole(path: string, data: Uint8Array | string, options: unknown, flag: string): Promise<void> {
  const { flush = false } = (typeof options === "object" && options !== null ? options : {}) as { flush?: boolean };
  const handle = await open(path, flag);
  try {
    await handle.writeFile(data);
    if (flush) await handle.sync();
  } finally {
    await handle.close();
  }
}

const single = (kind: Operation["kind"], name: "mkdir" | "rm" | "rmdir" | "unlink" | "truncate") =>
  ((path: string, ...rest: never[]) =>
    through({ kind, path: resolve(path) }, () => (real[name] as Call)(path as never, ...rest))) as Call;
const double = (kind: Operation["kind"], name: "rename" | "link" | "symlink" | "copyFile") =>
  ((from: string, to: string, ...rest: never[]) =>
    through({ kind, path: resolve(from), to: resolve(to) }, () =>
      (real[name] as Call)(from as never, to as never, ...rest),
    )) as Call;

/** What stands in place of the functions of `fs/promises`. */
export const replaced = {
  open,
  writeFile: (path: string, data: string, options?: unknown) => writeWhole(path, data, options, "w"),
  appendFile: (path: string, data: string, options?: unknown) => writeWhole(path, data, options, "a"),
  mkdir: single("mkdir", "mkdir"),
  rm: single("rm", "rm"),
  rmdir: single("rm", "rmdir"),
  unlink: single("rm", "unlink"),
  truncate: single("truncate", "truncate"),
  rename: double("rename", "rename"),
  link: double("link", "link"),
};

Object.assign(fsp, replaced);
Object.assign(fs.promises, replaced);
syncBuiltinESMExports();
