import { constants, type Dirent } from "node:fs";
import { lstat, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { ArchiveEntry } from "./entry.js";

/** Not through a link, should one take the file's place meanwhile. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW;
const BLOCK_BYTES = 256 << 10;

/** What is in a folder, as the entries of an archive; names have `/` and begin below the folder. */
export async function* folderEntries(dir: string, below = ""): AsyncGenerator<ArchiveEntry> {
  const entries = await readdir(join(dir, below), { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const name = below === "" ? entry.name : `${below}/${entry.name}`;
    const kind = kindOf(entry);
    if (kind === "folder") {
      yield { name: `${name}/`, kind, bytes: 0, content: nothing };
      yield* folderEntries(dir, name);
    } else if (kind === "file") {
      const path = join(dir, name);
      yield { name, kind, bytes: (await lstat(path)).size, content: () => blocksOf(path) };
    } else yield { name, kind, bytes: 0, content: nothing };
  }
}

/** The bytes of a plain file, a block at a time. */
export async function* blocksOf(path: string): AsyncGenerator<Uint8Array> {
  const file = await open(path, FLAGS);
  try {
    for (;;) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(BLOCK_BYTES), 0, BLOCK_BYTES);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

function kindOf(entry: Dirent): string {
  if (entry.isFile()) return "file";
  if (entry.isDirectory()) return "folder";
  return entry.isSymbolicLink() ? "a link" : "a device, a pipe or a socket";
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
