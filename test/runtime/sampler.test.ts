import assert from "node:assert/strict";
import { fork, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { CPU, type NvidiaSmi, type UsableDevice } from "../../dist/runtime/devices/types.js";
import { openEncoder } from "../../dist/runtime/encoder.js";
import { type Reading, type SamplerOptions, startSampler } from "../../dist/runtime/sampler.js";
import { MOST_POINTS, openThinned } from "../../dist/runtime/series.js";
import { readLine, startSmiLoop } from "../../dist/runtime/smi-loop.js";
import { openUse } from "../../dist/runtime/use.js";
import { goneWithin, runs } from "./lib/processes.ts";
import { seeded } from "./lib/random.ts";
import { batchOf, gpus, MIB, optionsOn } from "./lib/simulated.ts";
import { scratch } from "./lib/table-model.ts";

const UUID = "GPU-01234567-89ab-cdef-0123-456789abcdef";
const OTHER = "GPU-11234567-89ab-cdef-0123-456789abcdef";

/** A GPU whose nvidia-smi is a shell script. */
function scripted(script: string): UsableDevice {
  const command = join(scratch(), "nvidia-smi");
  writeFileSync(command, `#!/bin/sh\n${script}\n`, { mode: 0o700 });
  return {
    ...CPU,
    kind: "cuda",
    name: "cuda:0",
    uuid: UUID,
    memoryBytes: 16 * 2 ** 30,
    provider: { kind: "cuda" },
    smi: { command, env: { PATH: "/usr/bin:/bin" } },
  };
}

function start(t: TestContext, devices: readonly UsableDevice[], options: SamplerOptions = {}) {
  const sampler = startSampler(devices, options);
  t.after(() => sampler.stop());
  return sampler;
}

async function until(holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !holds(); await sleep(10)) assert.ok(Date.now() < end, "it never came");
}

test("memory and use of all GPUs come through one nvidia-smi, while they change", async (t) => {
  const [one, two] = (await gpus({ flops: 1e11 }, {})) as [UsableDevice, UsableDevice];
  const readings = new Map<string, Reading[]>([
    [one.name, []],
    [two.name, []],
  ]);
  const sampler = start(t, [one, two], {
    capBytes: 12e9,
    onReading: (device, reading) => readings.get(device)?.push(reading),
  });
  assert.equal(sampler.series(one.name), null, "nothing was read yet");
  const encoder = await openEncoder(optionsOn(one));
  await encoder.encode([batchOf(64, 128)]);
  const from = sampler.latest(one.name)?.at ?? 0;
  await encoder.encode([batchOf(64, 128)]);
  const to = sampler.latest(one.name)?.at ?? 0;
  await encoder.close();
  await until(() => sampler.latest(one.name)?.usedBytes === 0);
  await sampler.stop();

  const series = sampler.series(one.name);
  assert.deepEqual(
    { device: series?.device, source: series?.source, interval: series?.interval, capBytes: series?.capBytes },
    { device: "simulated:0", source: "nvidia-smi memory.used", interval: "every 250 ms", capBytes: 12e9 },
  );
  const bytes = readings.get(one.name)?.map(({ usedBytes }) => usedBytes) ?? [];
  assert.deepEqual(
    series?.points.map((point) => point.bytes),
    bytes,
  );
  assert.equal(series?.peakBytes, Math.max(...bytes));
  assert.ok(Math.max(...bytes) > 620 * MIB);
  assert.equal(sampler.series(two.name)?.peakBytes, 0);
  const use = sampler.meanUtilisation(one.name, from, to);
  assert.ok(use !== null && use > 0.8, `${use}`);
  assert.equal(sampler.meanUtilisation(two.name, from, to), 0);
  assert.equal(sampler.meanUtilisation(one.name, 1e6, 2e6), null);
  assert.deepEqual(sampler.notes(), []);
});

test("lines that are no readings change nothing: halves, errors, absurd numbers, other GPUs, no end of a line", async (t) => {
  const device = scripted(`
printf 'uuid, memory.used, utilization.gpu\\n\\n'
printf '${OTHER}, 777, 3\\n'
printf '${UUID}, 9'; sleep 0.1; printf '99, 5\\n'
printf '${UUID}, [N/A], 5\\n${UUID}, -5, 5\\n${UUID}, 1e3, 5\\n${UUID}, 99999999, 5\\n'
printf 'NVRM: Xid (PCI:0000:00:1e): \\033[31m79\\n'
head -c 300000 /dev/zero | tr '\\0' 'x'
printf '\\n${UUID}, 1000, [N/A]\\r\\n${UUID}, 1001, 250\\n${UUID}, 1002, [GPU requires reset]\\n'
printf '${UUID}, 4'
sleep 60`);
  const sampler = start(t, [device]);
  await until(() => sampler.latest("cuda:0")?.usedBytes === 1002 * MIB);
  assert.deepEqual(
    sampler.series("cuda:0")?.points.map(({ bytes }) => bytes / MIB),
    [999, 1000, 1001, 1002],
  );
  assert.equal(sampler.latest("cuda:0")?.utilisation, null);
  assert.equal(sampler.meanUtilisation("cuda:0", 0, 1e9), 0.05);
  assert.equal(sampler.notes().length, 1);
  assert.match(sampler.notes()[0] ?? "", /can't be read/);
});

test("a GPU without an id is not read, and that is told", (t) => {
  const sampler = start(t, [{ ...scripted("sleep 60"), uuid: null }]);
  assert.deepEqual(sampler.notes(), ["nvidia-smi tells no id of cuda:0, so its memory was not read"]);
});

test("what a GPU says is not believed where it can't be", () => {
  assert.deepEqual(readLine(`${UUID}, 512, 100`), { uuid: UUID, usedBytes: 512 * MIB, utilisation: 1 });
  for (const line of [
    "",
    `${UUID}, 512`,
    `${UUID}, 512, 100, 1`,
    `${UUID}; 512; 1`,
    `x${UUID}, 5, 1`,
    `${UUID}, 5 MiB, 1 %`,
  ])
    assert.equal(readLine(line), null, line);
});

test("an nvidia-smi that dies is started again; one that does nothing else is given up, and that is told", async (t) => {
  const device = scripted(`
n=$(cat "$0.count" 2>/dev/null || echo 0); echo $((n + 1)) > "$0.count"
printf '${UUID}, %s, 5\\n' "$((n + 1))"
[ "$n" -lt 1 ] && exit 15
sleep 60`);
  const sampler = start(t, [device]);
  await until(() => sampler.latest("cuda:0")?.usedBytes === 2 * MIB);
  assert.deepEqual(sampler.notes(), ["nvidia-smi ended with exit code 15, and was started again"]);

  const broken = start(t, [scripted("exit 9")]);
  await until(() => broken.notes().length === 4);
  assert.match(broken.notes()[3] ?? "", /ended with exit code 9, and is given up/);

  const absent = start(t, [{ ...scripted(""), smi: { command: "/nowhere/nvidia-smi", env: {} } }]);
  await until(() => absent.notes().length > 0);
  assert.match(absent.notes()[0] ?? "", /could not be started \(spawn \/nowhere\/nvidia-smi ENOENT\), and is given up/);
  assert.equal(absent.series("cuda:0"), null);
});

test("one that writes nothing, or no reading, is started again, and given up in the end", async () => {
  for (const [what, noted] of [
    ["sleep 60", null],
    ["while :; do echo 'GPU is lost'; sleep 0.05; done", "nvidia-smi wrote a line that can't be read: GPU is lost"],
  ] as const) {
    const loop = startSmiLoop(scripted(what).smi as NvidiaSmi, 250, () => {}, 300);
    await until(() => loop.lost);
    await loop.stop();
    const again = ["nvidia-smi told nothing for 0.3 s", "nvidia-smi ended with SIGKILL, and was started again"];
    assert.deepEqual(loop.notes, [
      ...(noted === null ? [] : [noted]),
      ...[...again, ...again, ...again, again[0]],
      "nvidia-smi ended with SIGKILL, and is given up: nothing is read from then on",
    ]);
  }
});

test("it ends with the sampler, and does not keep a program alive", async () => {
  const code = `
    const { startSampler } = await import(${JSON.stringify(new URL("../../dist/runtime/sampler.js", import.meta.url).href)});
    const { simulatedDevices } = await import(${JSON.stringify(new URL("../../dist/runtime/simulated/devices.js", import.meta.url).href)});
    const sampler = startSampler(await simulatedDevices({ simulation: "t4" }));`;
  for (const more of ["", "await sampler.stop();"]) {
    const child = spawn(process.execPath, ["--input-type=module", "-e", code + more], { stdio: "inherit" });
    assert.deepEqual(await once(child, "exit"), [0, null]);
  }
});

test("a kernel that is killed leaves no nvidia-smi behind, whoever made it", async (t) => {
  const parent = fork(fileURLToPath(new URL("./lib/sampling.ts", import.meta.url)), {
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  const [line] = (await once(parent.stdout as NonNullable<typeof parent.stdout>, "data")) as [Buffer];
  const smi = Number(String(line).trim());
  assert.ok(runs(smi) && smi !== parent.pid);
  parent.kill("SIGKILL");
  t.diagnostic(`gone after ${(await goneWithin(smi, 5000)).toFixed(0)} ms`);
});

test("a native tool that knows nothing of us ends at its next line when its reader was killed", async (t) => {
  // As a C program does that ignores what write returns: only the signal ends it.
  const script = `while :; do printf '${UUID}, 1, 5\\n'; sleep 0.05; done`;
  const code = `
    const { spawn } = await import("node:child_process");
    const { startSmiLoop } = await import(${JSON.stringify(new URL("../../dist/runtime/smi-loop.js", import.meta.url).href)});
    const smi = { command: ${JSON.stringify(scripted(`echo $$ > "$0.pid"; ${script}`).smi?.command)}, env: { PATH: "/usr/bin:/bin" } };
    startSmiLoop(smi, 250, () => { console.log("reads"); });
    setInterval(() => {}, 1000);`;
  const parent = spawn(process.execPath, ["--input-type=module", "-e", code], { stdio: ["ignore", "pipe", "inherit"] });
  await once(parent.stdout, "data");
  const { readFileSync } = await import("node:fs");
  const path = /"(\/[^"]+nvidia-smi)"/.exec(code)?.[1] as string;
  const smi = Number(readFileSync(`${path}.pid`, "utf8"));
  assert.ok(runs(smi));
  parent.kill("SIGKILL");
  t.diagnostic(`gone after ${(await goneWithin(smi, 5000)).toFixed(0)} ms`);
});

test("on the CPU it is the resident memory of the processes that are watched", async (t) => {
  const sampler = start(t, [CPU], { capBytes: 12e9 });
  const child = spawn(
    process.execPath,
    ["-e", "const b = Buffer.alloc(200 * 2 ** 20, 1); console.log(b.length); setInterval(() => b, 1000)"],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  await once(child.stdout, "data");
  sampler.watch("cpu", child.pid as number);
  await until(() => (sampler.latest("cpu")?.usedBytes ?? 0) > 200 * MIB);
  child.kill("SIGKILL");
  await once(child, "exit");
  const series = sampler.series("cpu");
  assert.equal(series?.source, "resident set of the inference process");
  assert.equal(series?.capBytes, null);
  assert.ok((series?.peakBytes ?? 0) >= 200 * MIB && (series?.peakBytes ?? 0) < 600 * MIB);
});

test("a series of any length keeps its peaks, its order and its bound", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const next = seeded(seed);
    const count = Math.floor(next() ** 3 * 60_000);
    const thinned = openThinned();
    let peak = 0;
    let low = Number.POSITIVE_INFINITY;
    const added = new Map<number, number>();
    for (let at = 0; at < count; at++) {
      const bytes = Math.floor(next() * 1000) + (next() < 0.001 ? 1e6 * next() : 0);
      peak = Math.max(peak, bytes);
      low = Math.min(low, bytes);
      added.set(at, bytes);
      thinned.add({ at, bytes });
    }
    const points = thinned.points();
    assert.ok(points.length <= MOST_POINTS, `${points.length}`);
    assert.ok(points.length >= Math.min(count, MOST_POINTS / 2 - 1));
    assert.equal(thinned.peakBytes, peak);
    if (count > 0) {
      assert.equal(Math.max(...points.map(({ bytes }) => bytes)), peak);
      assert.equal(Math.min(...points.map(({ bytes }) => bytes)), low);
    }
    points.forEach((point, i) => {
      assert.ok(i === 0 || point.at > (points[i - 1]?.at ?? 0), "ascending");
      assert.equal(added.get(point.at), point.bytes, "a reading that was");
    });
  }
});

test("the mean of the use stays what it is when there are many readings", () => {
  const use = openUse();
  const next = seeded(3);
  let sum = 0;
  const count = 50_000;
  for (let at = 0; at < count; at++) {
    const value = next();
    sum += value;
    use.add(at, value);
  }
  assert.ok(Math.abs((use.mean(0, count) as number) - sum / count) < 1e-9);
  assert.equal(use.mean(count, 2 * count), null);
});
