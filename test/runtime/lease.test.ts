import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { CPU, type UsableDevice } from "../../dist/runtime/devices/types.js";
import { withLeases } from "../../dist/runtime/lease.js";
import { joinQueue } from "../../dist/runtime/lease-queue.js";
import { seeded } from "./lib/random.ts";
import { scratch } from "./lib/table-model.ts";

const contenderFile = fileURLToPath(new URL("./lib/contender.ts", import.meta.url));
const queues = join(tmpdir(), `rag-cells-leases-${process.getuid?.() ?? "all"}`);

function gpu(uuid = `GPU-${randomUUID()}`, name = "cuda:0"): UsableDevice {
  return { ...CPU, kind: "cuda", name, uuid, provider: { kind: "cuda" } };
}

const options = { waitSeconds: 30, read: () => null };

/** Another kernel that takes leases. */
async function contender(uuids: readonly string[], turns: number, workMs: number, log: string) {
  const child = spawn(process.execPath, [contenderFile, uuids.join(","), String(turns), String(workMs), log], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  return { child, ended: once(child, "exit") };
}

/** Who had it when, in the order of the clock that all processes share. */
function turnsIn(log: string): { what: string; pid: number; at: bigint }[] {
  return readFileSync(log, "utf8")
    .trim()
    .split("\n")
    .map((line) => line.split(" "))
    .map(([what, pid, at]) => ({ what: what as string, pid: Number(pid), at: BigInt(at as string) }))
    .sort((a, b) => (a.at < b.at ? -1 : 1));
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(10);
}

test("processes that contend for a device have it one after another, and each in its turn", async () => {
  const log = join(scratch(), "log");
  const uuid = `GPU-${randomUUID()}`;
  const all = await Promise.all(Array.from({ length: 4 }, () => contender([uuid], 8, 15, log)));
  assert.deepEqual(await Promise.all(all.map(async ({ ended }) => (await ended)[0])), [0, 0, 0, 0]);
  const turns = turnsIn(log);
  assert.equal(turns.length, 4 * 8 * 2);
  for (let i = 0; i < turns.length; i += 2) {
    assert.equal(turns[i]?.what, "has");
    assert.equal(turns[i + 1]?.what, "gives");
    assert.equal(turns[i]?.pid, turns[i + 1]?.pid, "nobody else had it meanwhile");
  }
  // While all four still want it, none waits for more than a round beyond its own.
  const pids = turns.filter(({ what }) => what === "has").map(({ pid }) => pid);
  const from = Math.max(...all.map(({ child }) => pids.indexOf(child.pid as number)));
  const to = Math.min(...all.map(({ child }) => pids.lastIndexOf(child.pid as number)));
  for (let i = from; i + 8 <= to; i++) assert.equal(new Set(pids.slice(i, i + 8)).size, 4, pids.join(" "));
  assert.ok(!existsSync(join(queues, uuid)), "the last one to leave removes the queue");
});

test("whoever is killed, while it waits or while it has it, holds up nobody, and no two ever have it", async () => {
  const log = join(scratch(), "log");
  const uuid = `GPU-${randomUUID()}`;
  const next = seeded(7);
  const survivors = await Promise.all([0, 1].map(() => contender([uuid], 25, 10, log)));
  for (let i = 0; i < 10; i++) {
    const { child, ended } = await contender([uuid], 1000, 10, log);
    await sleep(next() * 80);
    child.kill("SIGKILL");
    await ended;
  }
  for (const { ended } of survivors) assert.equal((await ended)[0], 0);
  const alive = new Set<number | undefined>(survivors.map(({ child }) => child.pid));
  let holder: number | null = null;
  for (const { what, pid } of turnsIn(log)) {
    if (what === "gives") assert.equal(holder, pid);
    // One that was killed gives nothing back.
    else assert.ok(holder === null || !alive.has(holder), `${pid} has what ${holder} has`);
    holder = what === "has" ? pid : null;
  }
});

test("two that want the same two devices, named in other orders, both get them", async () => {
  const log = join(scratch(), "log");
  const uuids = [`GPU-${randomUUID()}`, `GPU-${randomUUID()}`];
  const all = await Promise.all([contender(uuids, 10, 5, log), contender([...uuids].reverse(), 10, 5, log)]);
  for (const { ended } of all) assert.equal((await ended)[0], 0);
  const turns = turnsIn(log);
  assert.equal(turns.length, 2 * 10 * 2);
  for (let i = 0; i < turns.length; i += 2) assert.equal(turns[i]?.pid, turns[i + 1]?.pid);
});

test("a device whose holder is killed goes to the next at once, and to the others in the order they came", async () => {
  const log = join(scratch(), "log");
  const device = gpu();
  const { child, ended } = await contender([device.uuid as string], 1, 60_000, log);
  await until(() => existsSync(log));
  const order: number[] = [];
  const waiting = [0, 1, 2].map((i) =>
    withLeases([device], `stage ${i}`, options, async () => {
      order.push(i);
    }),
  );
  await sleep(200);
  assert.deepEqual(order, [], "it is held");
  child.kill("SIGKILL");
  await ended;
  const events = await Promise.all(waiting);
  assert.deepEqual(order, [0, 1, 2]);
  assert.ok((events[0]?.leases[0]?.waitedSeconds ?? 0) > 0.15);
});

test("whoever waits too long learns who has it; Stop ends the waiting; neither keeps a place", async () => {
  const log = join(scratch(), "log");
  const device = gpu();
  const { child } = await contender([device.uuid as string], 1, 60_000, log);
  try {
    await until(() => existsSync(log));
    const never = () => Promise.reject(new Error("it has the device"));
    await assert.rejects(
      withLeases([device], "sparse", { ...options, waitSeconds: 0.2 }, never),
      (error: Error & { code: string }) => {
        assert.equal(error.code, "device_busy");
        assert.match(error.message, new RegExp(`process ${child.pid} has it, for "dense turn 0"`));
        assert.match(error.message, /leaseWaitSeconds/);
        return true;
      },
    );
    const stop = new AbortController();
    const waiting = withLeases([device], "sparse", { ...options, signal: stop.signal }, never);
    setTimeout(() => stop.abort(), 50);
    await assert.rejects(waiting, { code: "stopped" });
    assert.equal(readdirSync(join(queues, device.uuid as string)).length, 1);
  } finally {
    child.kill("SIGKILL");
  }
});

test("a device is free again when the work has failed, and when its process has exited", async () => {
  const device = gpu();
  await assert.rejects(
    withLeases([device], "dense", options, () => Promise.reject(new Error("broken"))),
    /broken/,
  );
  const log = join(scratch(), "log");
  const { ended } = await contender([device.uuid as string], 1, 0, log);
  assert.equal((await ended)[0], 0);
  const { leases } = await withLeases([device], "dense", options, async () => {});
  assert.ok((leases[0]?.waitedSeconds ?? 1) < 0.05);
});

test("a lease has the memory before and after: after, once the processes of the work are gone", async () => {
  const device = gpu();
  let used = 100;
  const { value, leases } = await withLeases([device], "dense bge", { ...options, read: () => used }, async () => {
    used = 5000;
    setTimeout(() => {
      used = 100;
    }, 150);
    return "done";
  });
  assert.equal(value, "done");
  const [{ waitedSeconds, heldSeconds, ...rest }] = leases as [(typeof leases)[number]];
  assert.deepEqual(rest, { device: "cuda:0", owner: "dense bge", beforeBytes: 100, afterBytes: 100 });
  assert.ok(waitedSeconds >= 0 && heldSeconds > 0.1);
  const kept = await withLeases([device], "dense", { ...options, read: () => used++ }, async () => {});
  assert.ok((kept.leases[0]?.afterBytes ?? 0) > (kept.leases[0]?.beforeBytes ?? 0), "what stays is told");
});

test("one whose ticket was cleaned away comes again as if it came now, and before those who come later", () => {
  const uuid = `GPU-${randomUUID()}`;
  const folder = join(queues, uuid);
  const holder = joinQueue(uuid, "holds");
  const waits = joinQueue(uuid, "waits");
  rmSync(join(folder, readdirSync(folder).sort()[1] as string));
  assert.equal(waits.before()?.owner, "holds");
  const later = joinQueue(uuid, "later");
  holder.leave();
  assert.equal(waits.before(), null);
  assert.equal(later.before()?.owner, "waits");
  rmSync(folder, { recursive: true });
  assert.equal(waits.before(), null, "nobody else is left");
  assert.equal(later.before()?.owner, "waits");
  waits.leave();
  later.leave();
  assert.ok(!existsSync(folder));
});

test("another container on the same temporary folder is not seen, and takes nobody's place away", (t) => {
  const uuid = `GPU-${randomUUID()}`;
  const place = joinQueue(uuid, "here");
  const code = `
    import { joinQueue } from ${JSON.stringify(new URL("../../dist/runtime/lease-queue.js", import.meta.url).href)};
    const place = joinQueue(${JSON.stringify(uuid)}, "there");
    console.log(place.before() === null);
    place.leave();`;
  const there = ["--map-root-user", "--mount", "--pid", "--fork", "--mount-proc"];
  const { status, stdout, stderr } = spawnSync(
    "unshare",
    [...there, process.execPath, "--input-type=module", "-e", code],
    { encoding: "utf8" },
  );
  const left = readdirSync(join(queues, uuid)).length;
  place.leave();
  if (status !== 0 && /unshare/.test(stderr)) return t.skip(`a namespace can't be made here: ${stderr.trim()}`);
  assert.deepEqual([stdout, left], ["true\n", 1], stderr);
});

test("a ticket that can't be written leaves nothing behind that would hold everybody up", () => {
  const root = scratch();
  const code = `
    import { readdirSync } from "node:fs";
    import { joinQueue } from ${JSON.stringify(new URL("../../dist/runtime/lease-queue.js", import.meta.url).href)};
    const codes = [];
    for (let i = 0; i < 2; i++) {
      try { joinQueue("GPU-1", "dense").before(); } catch (error) { codes.push(error.code + " " + /EFBIG/.exec(error.message)); }
    }
    console.log(JSON.stringify({ codes, left: readdirSync(process.env.TMPDIR, { recursive: true }).filter((name) => /\\d{9}/.test(name)) }));`;
  // No file may hold a byte: what a full disk does, without one.
  const script = `ulimit -f 0; exec "$0" --input-type=module -e "$1"`;
  const { stdout, stderr } = spawnSync("/bin/sh", ["-c", script, process.execPath, code], {
    encoding: "utf8",
    env: { ...process.env, TMPDIR: root },
  });
  assert.deepEqual(JSON.parse(stdout || JSON.stringify(stderr)), {
    codes: ["lease_folder_unfit EFBIG", "lease_folder_unfit EFBIG"],
    left: [],
  });
});

test("the processor needs no lease", async () => {
  const { leases } = await withLeases([CPU], "dense", options, () =>
    withLeases([CPU], "sparse", options, async () => 1).then(({ value }) => value),
  );
  assert.deepEqual(leases, []);
});

test("a queue that others could write to is refused", async (t) => {
  const before = process.env["TMPDIR"];
  process.env["TMPDIR"] = scratch();
  t.after(() => {
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
  });
  const root = join(tmpdir(), `rag-cells-leases-${process.getuid?.() ?? "all"}`);
  mkdirSync(root);
  chmodSync(root, 0o777);
  await assert.rejects(
    withLeases([gpu()], "dense", options, async () => {}),
    { code: "lease_folder_unfit" },
  );
});
