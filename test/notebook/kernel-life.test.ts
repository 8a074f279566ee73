import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startKernel } from "../../dist/notebook/kernel.js";

/** Kernels of this file alone put their sockets here. */
const temporary = mkdtempSync(join(tmpdir(), "k-"));
process.env.TMPDIR = temporary;
after(() => rmSync(temporary, { recursive: true }));

const text = (outputs: readonly { output_type: string }[]) => JSON.stringify(outputs);

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function dead(pid: number, withinMs: number): Promise<boolean> {
  for (const end = performance.now() + withinMs; performance.now() < end; await sleep(50)) if (!alive(pid)) return true;
  return false;
}

test("two kernels at once share nothing; a child of a cell gets the group's SIGINT; one killed in a cell is a clear error; shutdown leaves no process", async (t) => {
  const [a, b] = await Promise.all([startKernel({ cwd: tmpdir() }), startKernel({ cwd: tmpdir() })]);
  t.after(() => Promise.all([a.kill(), b.kill()]));
  assert.notEqual(a.pid, b.pid);
  await Promise.all([a.execute("const mine = 'a'"), b.execute("const mine = 'b'")]);
  const [fromA, fromB] = await Promise.all([a.execute("mine"), b.execute("mine")]);
  assert.match(text(fromA.outputs), /"a\\n"/);
  assert.match(text(fromB.outputs), /"b\\n"/);

  await a.execute(`import { spawn } from "node:child_process";
let childEnd = "lives";
const child = spawn(process.execPath, ["-e", "console.log('up'); setInterval(() => {}, 1000)"]);
child.on("exit", (code, signal) => { childEnd = String(signal); });
await new Promise((resolve) => child.stdout.once("data", resolve));`);
  const running = a.execute("await new Promise(() => {});");
  await sleep(300);
  a.interrupt();
  await running;
  await sleep(200);
  assert.match(text((await a.execute("childEnd")).outputs), /SIGINT/, "as under Jupyter, the whole group is signalled");

  const outputs: Parameters<typeof text>[0][] = [];
  const dying = b.execute("console.log('still here'); await new Promise(() => {});", {
    onOutput: (output) => outputs.push([output]),
  });
  const rejected = assert.rejects(dying, (error: Error & { code?: string }) => {
    assert.equal(error.code, "kernel_died");
    assert.match(error.message, /SIGKILL.*Run the notebook again/);
    return true;
  });
  while (outputs.length === 0) await sleep(20);
  process.kill(b.pid, "SIGKILL");
  await rejected;
  assert.match(text(outputs.flat()), /still here/, "what it had said is kept");

  await Promise.all([a.shutdown(), b.shutdown()]);
  assert.equal(alive(a.pid) || alive(b.pid), false);
  await assert.rejects(a.execute("1"), { code: "kernel_died" });
});

test("a synchronous loop that no interrupt can end is killed when its time is over", async () => {
  const kernel = await startKernel({ cwd: tmpdir() });
  await assert.rejects(kernel.execute("await null; for (;;);", { timeoutMs: 200 }), { code: "kernel_stuck" });
  assert.ok(await dead(kernel.pid, 1000));
  await kernel.shutdown();
});

test("a folder that is not there gives an error that names it; nothing stays in the temporary folder", async () => {
  await assert.rejects(startKernel({ cwd: "/no/such/folder" }), (error: Error & { code?: string }) => {
    assert.equal(error.code, "kernel_not_started");
    assert.match(error.message, /"\/no\/such\/folder"/);
    return true;
  });
  assert.deepEqual(readdirSync(temporary), [], "all kernels of this file have cleaned up");
});

test("a temporary folder too deep for a socket is an error that says what to set", async () => {
  const deep = join(temporary, "d".repeat(100));
  mkdirSync(deep);
  process.env.TMPDIR = deep;
  await assert.rejects(startKernel({ cwd: "/" }), { code: "socket_path_too_long", message: /Set TMPDIR/ });
  process.env.TMPDIR = temporary;
});

test("a kernel dies with its parent, even one that is killed", async () => {
  const client = new URL("../../dist/notebook/kernel.js", import.meta.url).href;
  const script = `import { startKernel } from ${JSON.stringify(client)};
    const kernel = await startKernel({ cwd: ${JSON.stringify(tmpdir())} });
    console.log(kernel.pid);
    setInterval(() => {}, 1000);`;
  const parent = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(parent.stdout, "data")) as [Buffer];
  const pid = Number(line.toString());
  assert.ok(alive(pid));
  parent.kill("SIGKILL");
  assert.ok(await dead(pid, 5000), `kernel ${pid} outlived its parent`);
});
