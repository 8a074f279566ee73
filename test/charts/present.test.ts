import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import test from "node:test";
import { inspect } from "node:util";
import { cardOf } from "../../dist/charts/card.js";
import { headline, textOf } from "../../dist/charts/card-text.js";
import { findHost } from "../../dist/charts/host.js";
import { attachCard, prepareCard } from "../../dist/charts/present.js";
import * as sample from "./sample-runs.ts";

test("outside a kernel there is no display", () => {
  assert.equal(findHost(), null);
});

test("a prepared run prints its text at the top, and one line inside another value", async () => {
  const run = sample.denseRun();
  await prepareCard(run);
  assert.equal(inspect(run), textOf(cardOf(run)));
  assert.equal(inspect({ run }, { breakLength: Infinity }), `{ run: ${headline(cardOf(run))} }`);
  assert.equal(
    inspect(run, { depth: null }),
    headline(cardOf(run)),
    "an unlimited depth does not tell where the top is",
  );
  assert.equal(inspect(run, { depth: 0 }), textOf(cardOf(run)));
});

test("a look changes nothing else about a value", async () => {
  const run = sample.fusedRun();
  const before = JSON.stringify(run);
  await prepareCard(run);
  await prepareCard(run);
  assert.equal(JSON.stringify(run), before);
  assert.deepEqual({ ...run }, sample.fusedRun());
  assert.deepEqual(structuredClone(run), sample.fusedRun());
});

test("the bundle for other kernels has the HTML where there is one", () => {
  const look = (html: string | null) => {
    const value = attachCard({}, { html, text: "text", line: "line" }) as { [key: symbol]: () => unknown };
    return value[Symbol.for("Jupyter.display")]?.();
  };
  assert.deepEqual(look("<p>"), { "text/html": "<p>", "text/plain": "text" });
  assert.deepEqual(look(null), { "text/plain": "text" });
});

test("plain Node never loads the chart library for a card, and show prints the text", () => {
  const script = `
    import { registerHooks } from "node:module";
    const seen = [];
    registerHooks({ resolve(name, context, next) { seen.push(name); return next(name, context); } });
    const { prepareCard, showCard } = await import(${JSON.stringify(new URL("../../dist/charts/present.js", import.meta.url).href)});
    const { denseRun } = await import(${JSON.stringify(new URL("./sample-runs.ts", import.meta.url).href)});
    const run = denseRun();
    await prepareCard(run);
    await showCard(run);
    if (!seen.some((name) => name.endsWith("render.js"))) throw new Error("the hook saw nothing");
    if (seen.some((name) => /vega|arquero/.test(name))) throw new Error("loaded " + seen.join(" "));`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
  assert.equal(stdout, `${textOf(cardOf(sample.denseRun()))}\n`);
});
