import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Kernel, startKernel } from "../../dist/notebook/kernel.js";
import type { Output } from "../../dist/notebook/outputs.js";

let kernel: Kernel;
before(async () => {
  kernel = await startKernel({ cwd: tmpdir() });
});
after(() => kernel.shutdown());

const text = (outputs: readonly Output[]) =>
  outputs.map((output) => (output.output_type === "stream" ? output.text : JSON.stringify(output))).join("");

test("the kernel speaks TypeScript and shows a cell's last expression", async () => {
  assert.equal(kernel.languageInfo.name, "typescript");
  const { outputs, executionCount, status } = await kernel.execute("const six: number = 6;\nsix * 7");
  assert.deepEqual(outputs, [{ output_type: "stream", name: "stdout", text: "42\n" }]);
  assert.equal(status, "ok");
  assert.equal(executionCount, 1);
});

test("3000 lines in one turn of the event loop all arrive, and the cell ends", async () => {
  const pieces: string[] = [];
  const { outputs, status } = await kernel.execute("for (let i = 0; i < 3000; i++) console.log('line ' + i);", {
    onOutput: (output) => pieces.push(text([output])),
    timeoutMs: 20_000,
  });
  assert.equal(status, "ok");
  assert.equal(text(outputs), Array.from({ length: 3000 }, (_, i) => `line ${i}\n`).join(""));
  assert.equal(pieces.join(""), text(outputs), "onOutput sees each piece once");
});

test("a display is updated in place, by later cells too", async () => {
  const first = await kernel.execute(`import { display, newDisplay } from "tslab";
const line = newDisplay();
line.html("<b>1</b>"); display.text("between"); line.html("<b>2</b>");`);
  assert.deepEqual(first.outputs, [
    { output_type: "display_data", data: { "text/html": "<b>2</b>" }, metadata: {} },
    { output_type: "display_data", data: { "text/plain": "between" }, metadata: {} },
  ]);
  const second = await kernel.execute(`line.html("<b>3</b>")`);
  assert.deepEqual(second.outputs, []);
  assert.match(text(first.outputs), /<b>3<\/b>/);
});

test("a compile error fails the cell with every diagnostic, and the next cell runs at once", async () => {
  const failed = await kernel.execute(`console.warn("kept out");\nconst a: number = "x"; const b: string = 5;`);
  assert.equal(failed.status, "error");
  assert.match(String(failed.failure), /^2:7 - Type 'string' .*'number'\.\n2:30 - Type 'number' .*'string'\.$/);
  const next = await kernel.execute("six + 1");
  assert.equal(next.status, "ok", "tslab refuses cells for 200 ms after a failure; the client waits");
  assert.equal(text(next.outputs), "7\n");
});

test("an error thrown after other output on stderr is the failure, without tslab's own frames", async () => {
  const failed = await kernel.execute(`console.error("a warning"); await null; throw new Error("boom");`);
  assert.match(String(failed.failure), /^Error: boom/);
  assert.doesNotMatch(String(failed.failure), /tslab|a warning|node:internal/);
  assert.match(text(failed.outputs), /a warning/);
});

test("an unhandled rejection fails a cell that tslab calls ok", async () => {
  const failed = await kernel.execute(`Promise.reject(new Error("nobody waited")); "fine"`);
  assert.equal(failed.status, "error");
  assert.match(String(failed.failure), /^UnhandledPromiseRejection: Error: nobody waited/);
  assert.match(text(failed.outputs), /^fine\n/);
  assert.equal((await kernel.execute("six")).status, "ok");
});

test("an interrupt ends a waiting cell and keeps the state", async () => {
  const running = kernel.execute(`let ticks = 0; await new Promise(() => {});`);
  await sleep(300);
  const began = performance.now();
  kernel.interrupt();
  const stopped = await running;
  assert.ok(performance.now() - began < 1000);
  assert.match(String(stopped.failure), /Interrupted/);
  assert.equal(text((await kernel.execute("six")).outputs), "6\n");
});

test("a cell over its time is interrupted", async () => {
  const slow = await kernel.execute("await new Promise(() => {});", { timeoutMs: 200 });
  assert.equal(slow.failure, "The cell took longer than 0.2 s and was interrupted.");
  assert.equal((await kernel.execute("six")).status, "ok");
});
