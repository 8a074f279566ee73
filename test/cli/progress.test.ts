import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createProgress } from "../../dist/cli/progress.js";

/** A terminal of 60 columns that keeps what is written to it. */
function terminal() {
  const stream = { isTTY: true, columns: 60, screen: "", write: (text: string) => (stream.screen += text) };
  return stream;
}

test("a terminal has one line: the cell, its heading and what it says, never wider than the terminal", async () => {
  const out = terminal();
  const progress = createProgress(out as unknown as NodeJS.WriteStream);
  const step = { number: 3, of: 8, firstLine: "const dense = 1;", label: "Dense pass" };
  progress.cellStart(step);
  const html = { "text/html": "<p>", "text/plain": "dense · 42 %\u001b[2J" };
  progress.output({ output_type: "display_data", data: html, metadata: {} });
  await sleep(300);
  progress.cellStart({ ...step, number: 4, label: "Search: fuse dense and sparse candidates" });
  progress.output({ output_type: "stream", name: "stdout", text: "x".repeat(100) });
  await sleep(300);
  progress.end();
  const lines = out.screen.split("\r\u001b[2K");
  assert.ok(lines.some((line) => /^cell 3 of 8 {2}Dense pass {2}\d s {2}dense · 42 %$/.test(line)));
  assert.ok(
    lines.some((line) => /^cell 4 of 8 {2}Search: fuse dense and … {2}\d s {2}x+…$/.test(line) && line.length === 59),
  );
  assert.ok(lines.every((line) => line.length < 60 && !/[\n\u001b]/.test(line)));
  assert.equal(lines.at(-1), "", "nothing is left of it");
});
