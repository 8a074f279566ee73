import type { ArchiveEntry, Refuse } from "../../archive/entry.js";
import { nameProblem } from "../../archive/names.js";
import { isFlatName } from "../../core/flat-name.js";
import { packTexts } from "../pack-plan.js";

/** A pack has a few files for each model. */
const MOST_ENTRIES = 10_000;

/**
 * The rules that every entry keeps, whatever the lock file says: few of them, plain
 * files of names that a pack has, each once, all of them in the archive's root or all
 * in one folder there.
 *
 * @returns a function that takes the entries in order and gives the file's name in the pack; null for the one folder
 */
export function entryRules(refuse: Refuse): (entry: ArchiveEntry) => string | null {
  const seen = new Set<string>();
  let top: string | null = null;
  let entries = 0;
  return ({ name, kind }) => {
    if (++entries > MOST_ENTRIES) throw refuse(name, `is one too many: at most ${MOST_ENTRIES} are read`);
    const problem = nameProblem(name);
    if (problem !== null) throw refuse(name, problem);
    if (kind !== "file" && kind !== "folder") throw refuse(name, `is ${kind}; plain files only are unpacked`);
    const steps = name.split("/").filter((step, i) => !(i === 0 && step === "."));
    if (kind === "folder" && steps.at(-1) === "") steps.pop();
    if (kind === "folder" && steps.length === 0) return null;
    const folder = kind === "folder" ? steps.join("/") : steps.slice(0, -1).join("/");
    if (top === null) top = folder;
    if (folder !== top || folder.includes("/"))
      throw refuse(name, "stands in a folder of its own; a pack has none, or one around all of its files");
    if (kind === "folder") return null;
    const file = steps.at(-1) as string;
    if (!packTexts.includes(file) && !isFlatName(file)) throw refuse(name, "has a name that no file of a pack has");
    if (seen.has(file)) throw refuse(name, "comes twice");
    seen.add(file);
    return file;
  };
}
