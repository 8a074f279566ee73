import assert from "node:assert/strict";
import { readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { sha256OfFile } from "../../../dist/store/hash-file.js";
import { artefactsOf, differences } from "../artefacts.ts";
import { type Cell, cells, type Place } from "../cells.ts";
import { scratch } from "../sample.ts";
import { type Attempt, attempt, type Outcome } from "./attempt.ts";
import type { Count, Kill } from "./kill.ts";

/** A journey that nothing disturbed. */
export interface Undisturbed {
  readonly artefacts: Record<string, string>;
  /** What happened in each cell. */
  readonly counts: Readonly<Record<Cell, Count>>;
}

/** Runs all cells once. */
export async function undisturbedJourney(corpus: string): Promise<Undisturbed> {
  const root = await scratch("undisturbed");
  const { events, code, stderr } = await attempt({ root, corpus }, null);
  assert.equal(code, 0, stderr);
  const counts = events.flatMap((event) => (event.kind === "finished" ? [[event.cell, event.count] as const] : []));
  return { artefacts: await artefactsOf(root), counts: Object.fromEntries(counts) as Record<Cell, Count> };
}

/** Kills at random points in the order of the cells; some cells are killed several times, and killed again while they go on. */
export function planKills(
  { counts }: Undisturbed,
  amount: number,
  victims: readonly Kill["victim"][],
  next: () => number,
): Kill[] {
  const pick = <T>(from: readonly T[]) => from[Math.floor(next() * from.length)] as T;
  // Cells in which a model computes have more to lose.
  const weighed = cells.flatMap((cell) => (counts[cell].taken > 0 ? [cell, cell] : [cell]));
  const chosen = Array.from({ length: amount }, () => pick(weighed));
  const kills = chosen.map((cell): Kill => {
    const computes = counts[cell].taken > 0;
    const victim = computes ? pick(victims) : "notebook";
    const at = !computes
      ? "operation"
      : victim === "notebook"
        ? pick(["operation", "journal"] as const)
        : victim === "inference"
          ? "batch"
          : pick(["operation", "journal", "batch"] as const);
    const most = counts[cell][at === "operation" ? "operations" : at === "journal" ? "journal" : "arrived"];
    const number = 1 + Math.floor(next() * most);
    return { cell, victim, at, number, moment: pick(["before", "middle", "after"] as const) };
  });
  return kills.sort(inOrder);
}

/** Kills in the order of their cells. */
export function inOrder(a: Kill, b: Kill): number {
  return cells.indexOf(a.cell) - cells.indexOf(b.cell);
}

/** A kill in words. */
function describe({ cell, victim, at, number, moment }: Kill): string {
  return `${victim} ${moment} ${at} ${number} of ${cell}`;
}

/** Turns the power off at every kill; unsynced writes are lost, or with a seed some of them. */
export interface Power {
  readonly seed: number | null;
}

/** Runs the cells, is killed, runs them again in another process, and so on to the end; then compares everything. @returns how many batches were computed again */
export async function disturbedJourney(
  corpus: string,
  kills: readonly Kill[],
  undisturbed: Undisturbed,
  power: Power | null = null,
): Promise<number> {
  const place: Place = { root: await scratch("disturbed"), corpus };
  const outcomes: Outcome[] = [];
  const known = { finished: new Set<Cell>(), history: 0 };
  let story = "";
  for (const [i, kill] of [...kills, null].entries()) {
    const cut: Attempt["cut"] = power && {
      target: join(await scratch("cut"), "left"),
      seed: power.seed && power.seed + i,
    };
    const outcome = await attempt(place, kill, kill && cut);
    outcomes.push(outcome);
    checkEnd(kill, outcome, story);
    checkKept(outcome, known, story);
    if (kill) story += `${describe(kill)}; `;
    if (kill && cut) {
      await rm(place.root, { recursive: true });
      await rename(cut.target, place.root);
      await checkExport(join(place.root, "exports/first"), known.finished.has("export"), story);
    }
  }
  assert.deepEqual(differences(await artefactsOf(place.root), undisturbed.artefacts), [], story);
  return checkBatches(outcomes, kills, undisturbed, story);
}

/** A process ends by its kill, or by the error of a cell whose inference process was killed. */
function checkEnd(kill: Kill | null, { signal, code, events, stderr }: Outcome, story: string): void {
  const failed = events.find((event) => event.kind === "failed");
  if (kill === null) assert.equal(code, 0, `${failed?.code} ${stderr} after ${story}`);
  else if (kill.victim === "inference" && failed)
    assert.equal(failed.code, "inference_process_died", `${describe(kill)}, after ${story}`);
  else assert.equal(signal, "SIGKILL", `${describe(kill)}: ${failed?.code} ${stderr} after ${story}`);
}

/** What had finished is reused, and no line of the history is lost. */
function checkKept({ events }: Outcome, known: { finished: Set<Cell>; history: number }, story: string): void {
  for (const event of events) {
    if (event.kind !== "finished") continue;
    if (event.cell !== "close") {
      assert.ok(event.history >= known.history, `${event.history} lines of ${known.history} after ${story}`);
      known.history = event.history;
    }
    if (event.id === null) continue;
    if (known.finished.has(event.cell)) assert.ok(event.reused, `${event.cell} was made again after ${story}`);
    known.finished.add(event.cell);
  }
}

/** A folder with a manifest is a whole export, and one that had been finished has its manifest. */
async function checkExport(folder: string, finished: boolean, story: string): Promise<void> {
  const text = await readFile(join(folder, "processing_summary.json"), "utf8").catch(() => null);
  if (finished) assert.ok(text !== null, `the manifest is lost after ${story}`);
  if (text === null) return;
  const { artefacts } = JSON.parse(text) as { artefacts: { path: string; sha256: string }[] };
  assert.ok(artefacts.length > 0);
  for (const { path, sha256 } of artefacts)
    assert.equal(await sha256OfFile(join(folder, path)).catch(() => null), sha256, `${path} after ${story}`);
}

/** At most one batch a kill is journaled and lost; the one behind it may have been under way, or just have arrived. */
function checkBatches(
  outcomes: readonly Outcome[],
  kills: readonly Kill[],
  { counts }: Undisturbed,
  story: string,
): number {
  let again = 0;
  for (const cell of cells) {
    const killed = kills.filter((kill) => kill.cell === cell).length;
    const count = (kind: "taken" | "arrived") =>
      outcomes.flatMap(({ events }) => events).filter((event) => event.kind === kind && event.cell === cell).length;
    const [taken, arrived] = [count("taken") - counts[cell].taken, count("arrived") - counts[cell].arrived];
    assert.ok(taken >= 0 && arrived >= 0);
    assert.ok(taken <= killed, `${cell}: ${taken} batches were lost at ${killed} kills: ${story}`);
    assert.ok(arrived <= killed, `${cell}: ${arrived} batches were computed again at ${killed} kills: ${story}`);
    again += arrived;
  }
  return again;
}
