import type { RunRow } from "../schema/run-types.js";
import type { StageName } from "../schema/types.js";
import type { RunFolder } from "../store/inventory.js";
import type { HistoryEntry } from "../store/runs.js";

/** A folder of a run, and what the others and the history say of it. */
export interface ListedRun extends RunFolder {
  readonly row: RunRow;
}

/**
 * What each folder is to the others: which runs were made from it, whether it is its
 * stage's latest, and whether any latest run needs it. A run that the history does
 * not name was finished a moment before a kill; it counts as needed.
 */
export function relate(folders: readonly RunFolder[], history: readonly HistoryEntry[]): ListedRun[] {
  const whole = folders.filter(({ state }) => state === "finished" || state === "damaged");
  const calls = new Map(history.map(({ id, at }, i) => [id, { call: i + 1, at }]));
  const latest = latestIds(whole, history);
  const unnamed = whole.filter(({ id }) => !calls.has(id)).map(({ id }) => id);
  const needed = withInputs([...latest.values(), ...unnamed], whole);
  return folders.map((folder) => {
    const { stage, id, state, batches, bytes } = folder;
    const used = calls.get(id);
    const isWhole = whole.includes(folder);
    return {
      ...folder,
      row: {
        stage,
        id,
        state,
        batches,
        bytes,
        call: used?.call ?? null,
        usedAt: used?.at ?? null,
        latest: isWhole && latest.get(stage) === id,
        neededBy: isWhole ? whole.filter(({ inputs }) => inputs.includes(id)).map((other) => other.id) : [],
        unused: isWhole && !needed.has(id),
      },
    };
  });
}

/** The run of each stage that was returned last and is still there. */
function latestIds(whole: readonly RunFolder[], history: readonly HistoryEntry[]): Map<StageName, string> {
  const there = new Set(whole.map(({ id }) => id));
  return new Map(history.filter(({ id }) => there.has(id)).map(({ stage, id }) => [stage, id]));
}

/** Runs, the runs they were made from, and so on. */
function withInputs(ids: readonly string[], whole: readonly RunFolder[]): Set<string> {
  const inputs = new Map(whole.map((folder) => [folder.id, folder.inputs]));
  const found = new Set<string>();
  const open = [...ids];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (found.has(id)) continue;
    found.add(id);
    open.push(...(inputs.get(id) ?? []));
  }
  return found;
}
