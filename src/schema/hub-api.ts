import { z } from "zod";
import { filePathPattern, revisionPattern } from "./model-card.js";

/** A file of a repository on the hub, as its listing says. */
export interface HubFile {
  /** With `/`. */
  readonly path: string;
  readonly bytes: number;
  /** What the file's content must hash to: sha256 for large files (LFS), else git's sha1 of it as a blob. */
  readonly digest: { readonly kind: "sha256" | "git-sha1"; readonly hex: string };
}

const Revision = z.looseObject({ sha: z.string().regex(revisionPattern) });

const Entry = z.looseObject({
  type: z.string(),
  path: z.string(),
  size: z.int().min(0).optional(),
  oid: z
    .string()
    .regex(/^[0-9a-f]{40}$/)
    .optional(),
  lfs: z.looseObject({ oid: z.string().regex(/^[0-9a-f]{64}$/), size: z.int().min(0) }).nullish(),
});

/** The commit that the hub's answer about a revision names, or null where it is no such answer. */
export function parseRevision(json: unknown): string | null {
  const parsed = Revision.safeParse(json);
  return parsed.success ? parsed.data.sha : null;
}

/** A page of the hub's listing: its files whose paths this library would ask for, or null where it is no listing. */
export function parseTree(json: unknown): HubFile[] | null {
  const parsed = z.array(Entry).safeParse(json);
  if (!parsed.success) return null;
  const files: HubFile[] = [];
  for (const { type, path, size, oid, lfs } of parsed.data) {
    if (type !== "file" || !filePathPattern.test(path)) continue;
    if (lfs) files.push({ path, bytes: lfs.size, digest: { kind: "sha256", hex: lfs.oid } });
    else if (size !== undefined && oid !== undefined)
      files.push({ path, bytes: size, digest: { kind: "git-sha1", hex: oid } });
    else return null;
  }
  return files;
}
