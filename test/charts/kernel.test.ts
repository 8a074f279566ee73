import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { cardOf } from "../../dist/charts/card.js";
import { headline, textOf } from "../../dist/charts/card-text.js";
import { type BareKernel, type CellResult, startKernel } from "./bare-kernel.ts";
import * as sample from "./sample-runs.ts";
import { picturesIn } from "./svg.ts";

let kernel: BareKernel;
before(async () => {
  kernel = startKernel();
  const { status, published } = await kernel.run(`
    import { findHost } from "./dist/charts/host.js";
    import { prepareCard, showCard } from "./dist/charts/present.js";
    import { progress } from "./dist/charts/progress.js";
    import { historyTable } from "./dist/charts/tables.js";
    const run: any = ${JSON.stringify(sample.denseRun())};
    await prepareCard(run);`);
  assert.equal(status, "ok", JSON.stringify(published));
  assert.deepEqual(published, [], "preparing a card shows nothing");
});
after(() => kernel.stop());

async function ok(code: string): Promise<CellResult["published"]> {
  const { status, published } = await kernel.run(code);
  assert.equal(status, "ok", JSON.stringify(published));
  return published;
}

const line = headline(cardOf(sample.denseRun()));

test("a cell's last expression shows the card once, with text for viewers without HTML, and leaves one line", async () => {
  const [card, text, ...rest] = await ok("run");
  assert.deepEqual(rest, []);
  assert.equal(card?.type, "display_data");
  assert.deepEqual(Object.keys(card?.data ?? {}), ["text/html", "text/plain"]);
  assert.equal(card?.data["text/plain"], textOf(cardOf(sample.denseRun())));
  assert.equal(picturesIn(card?.data["text/html"] ?? "").length, 4);
  assert.deepEqual(text?.data, { "text/plain": `${line}\n` });
});

test("a value that holds a run shows no card", async () => {
  for (const code of [
    "[run]",
    "({ inner: run })",
    "new Map([[run.id, run]])",
    "console.log({ outer: { inner: run } })",
    "console.error({ inner: run })",
  ]) {
    const published = await ok(code);
    assert.deepEqual([...new Set(published.map((p) => p.type.slice(0, 3)))], ["std"], code);
    assert.ok(
      published
        .map((p) => p.data["text/plain"])
        .join("")
        .includes(line),
      code,
    );
  }
});

test("show shows a card in the middle of a cell", async () => {
  const published = await ok("await showCard(run); console.log('after');");
  assert.deepEqual(
    published.map((p) => p.type),
    ["display_data", "stdout"],
  );
});

test("progress updates one output in place, at most ten times a second, and ends as one line", async () => {
  const published = await ok(`
    const line = progress({ label: "dense <b>", total: 1000, unit: "chunks" });
    for (let i = 0; i <= 1000; i += 4) { line.update(i); await new Promise((r) => setTimeout(r, 5)); }
    line.finish();`);
  assert.equal(published[0]?.type, "display_data");
  assert.ok(published.length >= 3, `${published.length}`);
  assert.ok(published.slice(1).every((p) => p.type === "update_display_data"));
  assert.equal(new Set(published.map((p) => p.id)).size, 1);
  assert.ok(published[0]?.id);
  for (const { at } of published) assert.ok(published.filter((p) => p.at >= at && p.at < at + 1000).length <= 10);
  assert.match(published.at(-1)?.data["text/plain"] ?? "", /^✓ dense <b> · 1,000 chunks in \d\.\d+ s, \d+ chunks\/s$/);
  assert.doesNotMatch(published.at(-1)?.data["text/html"] ?? "", /<b>/);
});

test("the history is a table with a type that a cell can name, and shows itself", async () => {
  await ok(`
    const table = await historyTable([{ stage: "dense", id: "dense-1", at: "2026-11-20T19:39:27.000Z", outcome: "computed", why: "first run of the stage", rows: 3, seconds: 2 }]);
    const rows: number = table.numRows();`);
  const [shown, text] = await ok("table");
  assert.match(shown?.data["text/html"] ?? "", /dense-1/);
  assert.equal(text?.data["text/plain"], "history\n");
  const { status } = await kernel.run("const wrong: string = table.numRows();");
  assert.equal(status, "error", "the table's type is not any");
  await sleep(300); // After a failed cell tslab aborts what comes within 200 ms.
});

test("the list of models shows its table as a cell's last expression, and its rows are plain rows", async () => {
  await ok(`import { listModels } from "./dist/index.js";`);
  const [shown, text, ...rest] = await ok("listModels()");
  assert.deepEqual(rest, []);
  assert.match(shown?.data["text/html"] ?? "", /<td[^>]*>bge-m3<\/td>/);
  assert.equal(text?.data["text/plain"], "models\n");
  const [key] = await ok(`listModels().find((row) => row.key === "bge-m3").hubId`);
  assert.match(key?.data["text/plain"] ?? "", /Xenova\/bge-m3/);
});

test("where the module cache does not have the kernel, the cells' own require leads to it", async () => {
  await ok(`import * as tslab from "tslab"; tslab.display.text("loaded");`);
  const published = await ok(`
    import { createRequire } from "module";
    const cache = createRequire(process.cwd() + "/x.js").cache;
    for (const file of Object.keys(cache)) if (/tslab.dist.jupyter\\.js$/.test(file)) delete cache[file];
    const slot = findHost()!.newDisplay();
    slot.html("<i>one</i>", "one");
    slot.html("<i>two</i>", "two");
    findHost()!.html("<i>three</i>", "three");`);
  assert.deepEqual(
    published.map((p) => [p.type, p.data["text/html"]]),
    [
      ["display_data", "<i>one</i>"],
      ["update_display_data", "<i>two</i>"],
      ["display_data", "<i>three</i>"],
    ],
  );
});
