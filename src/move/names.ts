import type { ArchiveEntry, Refuse } from "../archive/entry.js";
import { nameProblem } from "../archive/names.js";

/** An entry's name without a leading `./`; null for a folder. @throws what `refuse` makes */
export function checkedName({ name, kind }: ArchiveEntry, refuse: Refuse): string | null {
  const problem = nameProblem(name);
  if (problem !== null) throw refuse(name, problem);
  if (kind !== "file" && kind !== "folder") throw refuse(name, `is ${kind}; a pack has plain files only`);
  return kind === "folder" ? null : name.replace(/^\.\//, "");
}

/** Names that some file systems take for one. */
export function foldedName(name: string): string {
  return name.normalize("NFC").toLowerCase();
}
