/** What the test hub holds: repositories, their commits and files, named by the hashes the real hub names them by. */
import { createHash } from "node:crypto";
import { random } from "../../lib/random.ts";

/** A file's content: text, bytes, or what stands for bytes in JSON. Seeded bytes cost a description nothing. */
export type Content =
  | string
  | Uint8Array
  | { readonly base64: string }
  | { readonly bytes: number; readonly seed: number };

export interface RepoOptions {
  readonly files: Readonly<Record<string, Content>>;
  /** Paths of the files that Git LFS holds: the CDN serves them. */
  readonly lfs?: readonly string[];
  /** The one token that may read the files. */
  readonly gatedBy?: string;
}

export interface HubFile {
  readonly path: string;
  readonly bytes: Buffer;
  /** The name git has for the file; of an LFS file, for its pointer. */
  readonly blobId: string;
  readonly lfs: { readonly oid: string; readonly size: number; readonly pointerSize: number } | null;
  /** What identifies the content: SHA-256 of an LFS file, git's SHA-1 of any other. */
  readonly oid: string;
}

export interface Repo {
  readonly id: string;
  readonly gatedBy: string | null;
  /** The commit that main is at. */
  head(): string;
  /** The files of a branch or commit, by path in order; undefined where there is no such revision. */
  files(revision: string): { readonly commit: string; readonly files: ReadonlyMap<string, HubFile> } | undefined;
  /** Adds a commit to main: null removes a file, a new path is no LFS file unless `lfs` names it. */
  push(changes: Readonly<Record<string, Content | null>>, lfs?: readonly string[]): string;
}

const hash = (algorithm: string, ...parts: (string | Uint8Array)[]) =>
  parts.reduce((hashing, part) => hashing.update(part), createHash(algorithm)).digest("hex");

/** Git's name for a file of these bytes. */
export function gitOid(bytes: Uint8Array): string {
  return hash("sha1", `blob ${bytes.length}\0`, bytes);
}

/** The bytes that a content stands for. */
export function bytesOf(content: Content): Buffer {
  if (typeof content === "string" || content instanceof Uint8Array) return Buffer.from(content);
  if ("base64" in content) return Buffer.from(content.base64, "base64");
  const next = random(content.seed);
  const words = Uint32Array.from({ length: Math.ceil(content.bytes / 4) }, () => Math.floor(next() * 2 ** 32));
  return Buffer.from(words.buffer, 0, content.bytes);
}

function hubFile(path: string, content: Content, inLfs: boolean): HubFile {
  const bytes = bytesOf(content);
  if (!inLfs) {
    const blobId = gitOid(bytes);
    return { path, bytes, blobId, lfs: null, oid: blobId };
  }
  const oid = hash("sha256", bytes);
  const pointer = Buffer.from(`version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize ${bytes.length}\n`);
  return { path, bytes, blobId: gitOid(pointer), lfs: { oid, size: bytes.length, pointerSize: pointer.length }, oid };
}

/** A repository with one commit. The same files make the same commit. */
export function openRepo(id: string, options: RepoOptions): Repo {
  const commits = new Map<string, ReadonlyMap<string, HubFile>>();
  let head = "";
  const repo: Repo = {
    id,
    gatedBy: options.gatedBy ?? null,
    head: () => head,
    files(revision) {
      const commit = revision === "main" ? head : revision;
      const files = commits.get(commit);
      return files && { commit, files };
    },
    push(changes, lfs = []) {
      const before = commits.get(head) ?? new Map<string, HubFile>();
      const files = new Map(before);
      for (const [path, content] of Object.entries(changes)) {
        const inLfs = lfs.includes(path) || Boolean(before.get(path)?.lfs);
        if (content === null) files.delete(path);
        else files.set(path, hubFile(path, content, inLfs));
      }
      const sorted = [...files].sort(([a], [b]) => (a < b ? -1 : 1));
      head = hash("sha1", JSON.stringify([id, head, sorted.map(([path, { oid }]) => [path, oid])]));
      commits.set(head, new Map(sorted));
      return head;
    },
  };
  repo.push(options.files, options.lfs);
  return repo;
}

/** What the tree API says of a commit below a folder: directories too, in order of path. */
export function treeEntries(files: ReadonlyMap<string, HubFile>, folder: string, recursive: boolean): object[] {
  const below = folder === "" ? "" : `${folder}/`;
  const entries = new Map<string, object>();
  for (const { path, bytes, blobId, lfs } of files.values()) {
    if (!path.startsWith(below)) continue;
    const parts = path.slice(below.length).split("/");
    for (let depth = 1; depth < parts.length && (recursive || depth === 1); depth++) {
      const directory = below + parts.slice(0, depth).join("/");
      entries.set(directory, { type: "directory", oid: hash("sha1", "tree", directory), size: 0, path: directory });
    }
    if (!recursive && parts.length > 1) continue;
    entries.set(path, { type: "file", oid: blobId, size: bytes.length, ...(lfs ? { lfs } : {}), path });
  }
  return [...entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
}
