/**
 * A notebook's process that runs the cells of a journey and is killed on the way:
 * `node main.ts ATTEMPT`, an attempt as JSON. Ends with 0 when all cells have run,
 * with 3 when one failed, or not of its own will.
 */
import { appendFileSync } from "node:fs";
import * as rag from "../../../dist/index.js";
import { type Cell, cells, type Made, runCell } from "../cells.ts";
import { random } from "../random.ts";
import type { Attempt, Event } from "./attempt.ts";
import { followDisk } from "./disk.ts";
import { execute } from "./kill.ts";

const { place, kill, log, cut } = JSON.parse(process.argv[2] as string) as Attempt;
const note = (event: Event) => appendFileSync(log, `${JSON.stringify(event)}\n`);
const made: Made = {};
let current: Cell = "open";
const disk = cut && followDisk(place.root);
const executioner = execute(
  kill,
  place.root,
  (what) => note({ kind: what, cell: current }),
  () => cut && disk?.cut(cut.target, cut.seed === null ? null : random(cut.seed)),
);

for (const cell of cells) {
  current = cell;
  executioner.begin(cell);
  try {
    await runCell(rag, cell, place, made);
  } catch (error) {
    note({ kind: "failed", cell, code: error instanceof rag.RagError ? error.code : String(error) });
    process.exit(3);
  }
  const run = made[cell as keyof Made];
  note({
    kind: "finished",
    cell,
    id: run && "id" in run ? run.id : null,
    reused: run !== undefined && "reused" in run && run.reused,
    count: executioner.count(),
    history: made.session && cell !== "close" ? (await rag.history(made.session)).numRows() : 0,
  });
  executioner.end(cell);
}
