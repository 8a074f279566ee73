import assert from "node:assert/strict";
import test from "node:test";
import { inspect } from "node:util";
import { modelList } from "../../dist/charts/card-models.js";
import { listModels } from "../../dist/index.js";
import type { ModelCard } from "../../dist/schema/model-types.js";
import { PAYLOADS, poisoned } from "./hostile.ts";
import { walk } from "./svg.ts";

const htmlOf = (list: readonly ModelCard[]): string => {
  const shown = list as unknown as { [key: symbol]: () => Record<string, string> };
  return shown[Symbol.for("Jupyter.display")]?.()["text/html"] ?? "";
};

test("every model is a line of the table, under the heading of its role", () => {
  const html = htmlOf(listModels());
  const headings = ["Dense models", "Sparse models", "Rerank models"].map((heading) => html.indexOf(`>${heading}<`));
  assert.ok(
    headings.every((at, i) => at > (headings[i - 1] ?? 0)),
    String(headings),
  );
  const [, sparse, rerank] = headings as [number, number, number];
  for (const { key, role, hubId } of listModels()) {
    const at = html.indexOf(`>${key}<`);
    assert.ok(at > 0, key);
    assert.equal(at < sparse ? "dense" : at < rerank ? "sparse" : "rerank", role, key);
    assert.ok(html.includes(`>${hubId}<`), hubId);
  }
  for (const column of ["Longest input", "Licence", "Weights", "Parameters", "Repository"])
    assert.ok(html.includes(`>${column}<`), column);
});

test("what a licence forbids and what has no ONNX stand in the line", () => {
  const [row] = listModels() as [ModelCard];
  const line = (changes: Partial<ModelCard>) => inspect(modelList([{ ...row, ...changes }]));
  assert.match(line({ licence: "CC-BY-NC-4.0", commercialUse: false }), /CC-BY-NC-4\.0, no commercial use/);
  assert.doesNotMatch(line({ licence: "MIT", commercialUse: true }), /no commercial use/);
  assert.match(line({ onnx: null }), /no ONNX known/);
  assert.match(line({ onnx: { fp32: "a.onnx", int8: "b.onnx" } }), / · fp32, int8 · /);
});

test("in a terminal it is a short text, inside another value one line, and still an array", () => {
  const list = listModels();
  const lines = inspect(list).split("\n");
  assert.equal(lines[0], "models");
  assert.match(lines[1] ?? "", /^ {2}Models +\d+ dense, \d+ sparse, \d+ rerank$/);
  assert.ok(lines.length <= 14);
  assert.equal(inspect({ list }), "{ list: models }");
  assert.ok(Array.isArray(list));
  assert.deepEqual(Object.keys(list), [...list.keys()].map(String));
  assert.equal(list.filter(({ role }) => role === "rerank")[0]?.role, "rerank");
});

test("hostile rows stay text", () => {
  for (const payload of PAYLOADS) {
    const row = { ...poisoned(listModels()[0] as ModelCard, payload), role: "dense" as const };
    const list = modelList([row]);
    walk(htmlOf(list), ({ name, attributes }) => {
      assert.ok(!["script", "img", "iframe", "b"].includes(name), name);
      assert.ok(!Object.keys(attributes).some((attribute) => attribute.startsWith("on")), name);
    });
    assert.doesNotMatch(inspect(list), /\u001b|\r|\u202e/);
  }
});
