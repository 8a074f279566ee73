import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { bertOnnx } from "./lib/bert.ts";
import { goneWithin, runs } from "./lib/processes.ts";
import { scratch } from "./lib/table-model.ts";

const folder = scratch();
const model = join(folder, "model.onnx");
writeFileSync(
  model,
  bertOnnx({ layers: 1, hidden: 256, heads: 4, intermediate: 1024, vocabulary: 100, positions: 512 }),
);
const parentFile = fileURLToPath(new URL("./lib/parent.ts", import.meta.url));

/** Starts the parent and waits for its child's pid. */
async function startParent(mode: string, flags: string[] = [], env: NodeJS.ProcessEnv = {}) {
  const parent = spawn(process.execPath, [...flags, parentFile, model, mode], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...env },
  });
  const exited = once(parent, "exit");
  const [line] = await once(parent.stdout, "data");
  const child = Number(String(line).trim());
  assert.ok(child > 0 && child !== parent.pid);
  return { parent, child, exited };
}

test("a parent killed in the middle of a batch leaves no process when the batch is over", async (t) => {
  const { parent, child, exited } = await startParent("long");
  await sleep(200);
  assert.ok(runs(child));
  parent.kill("SIGKILL");
  await exited;
  t.diagnostic(`gone after ${(await goneWithin(child, 60_000)).toFixed(0)} ms`);
});

test("a process on a device that hangs ends with its parent, however that is killed", async (t) => {
  const parent = spawn(process.execPath, [fileURLToPath(new URL("./lib/blocked.ts", import.meta.url))], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(parent, "exit");
  const [line] = await once(parent.stdout, "data");
  const child = Number(String(line).trim());
  await sleep(500);
  assert.ok(runs(child), "it lives as long as its parent");
  parent.kill("SIGKILL");
  await exited;
  t.diagnostic(`gone after ${(await goneWithin(child, 5000)).toFixed(0)} ms`);
});

test("a parent that exits in the middle of a batch kills it at once", async () => {
  const { child, exited } = await startParent("exit");
  assert.deepEqual(await exited, [3, null]);
  await goneWithin(child, 500);
});

test("an idle encoder does not keep the program alive", async () => {
  const { child, exited } = await startParent("idle");
  assert.deepEqual(await exited, [0, null]);
  await goneWithin(child, 500);
});

test("preloads and NODE_OPTIONS of the parent don't reach the child", async () => {
  const seen = scratch();
  const preload = (name: string) => {
    const file = join(scratch(), `${name}.cjs`);
    writeFileSync(file, `require("node:fs").writeFileSync(${JSON.stringify(seen)} + "/${name}-" + process.pid, "")`);
    return file;
  };
  const { parent, exited } = await startParent("idle", ["-r", preload("flag")], {
    NODE_OPTIONS: `--require=${preload("options")}`,
  });
  await exited;
  assert.deepEqual(readdirSync(seen).sort(), [`flag-${parent.pid}`, `options-${parent.pid}`]);
});
