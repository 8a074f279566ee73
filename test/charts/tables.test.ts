import assert from "node:assert/strict";
import test from "node:test";
import { inspect } from "node:util";
import { type HistoryRow, historyTable } from "../../dist/charts/tables.js";
import { walk } from "./svg.ts";

const rows: HistoryRow[] = Array.from({ length: 60 }, (_, i) => ({
  stage: i % 2 ? "sparse" : "dense",
  id: `run-<b>${i}</b>`,
  at: `2026-11-20T19:${String(i).padStart(2, "0")}:00.000Z`,
  outcome: i < 50 ? "computed" : "reused",
  why: i < 50 ? "other <b>models</b>" : "same inputs, settings and models",
  rows: 1000 + i,
  seconds: i / 2,
}));

test("the history is a real arquero table", async () => {
  const table = await historyTable(rows);
  assert.equal(table.numRows(), 60);
  assert.deepEqual(table.columnNames(), ["stage", "id", "at", "outcome", "why", "rows", "seconds"]);
  const dense = table.filter((row: { stage: string }) => row.stage === "dense").orderby("seconds");
  assert.equal(dense.numRows(), 30);
  assert.equal(dense.get("id", 29), "run-<b>58</b>");
  assert.equal((await historyTable([])).numRows(), 0);
});

test("it shows its last 50 rows, escaped, and counts the rest", async () => {
  const table = (await historyTable(rows)) as unknown as { [key: symbol]: () => Record<string, string> };
  const html = table[Symbol.for("Jupyter.display")]?.()["text/html"] ?? "";
  let cells = 0;
  walk(html, ({ name }) => {
    assert.notEqual(name, "b");
    if (name === "td") cells++;
  });
  assert.equal(cells, 50 * 7 + 1);
  assert.match(html, /10 earlier calls in the table itself/);
  assert.doesNotMatch(html, /19:09:00/);
  assert.match(html, /19:59:00/);
});

test("in a terminal it is a short text", async () => {
  const text = inspect(await historyTable(rows.slice(0, 2)));
  assert.equal(
    text,
    [
      "history",
      "  Calls  2",
      "  2026-11-20 19:00:00 · dense · computed · other <b>models</b> · 1,000 · 0 s · run-<b>0</b>",
      "  2026-11-20 19:01:00 · sparse · computed · other <b>models</b> · 1,001 · 500 ms · run-<b>1</b>",
    ].join("\n"),
  );
  assert.ok(inspect(await historyTable(rows)).split("\n").length <= 14);
});
