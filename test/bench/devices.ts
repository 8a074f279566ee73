/**
 * What looking after devices costs: a lease, a device that changes hands, reading
 * memory and use four times a second; and how long after a Stop the memory of a GPU is free.
 * On simulated GPUs, whose inference processes are real ones.
 *
 *     npm run bench:devices
 */
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { CPU, type UsableDevice } from "../../dist/runtime/devices/types.js";
import { openEncoder } from "../../dist/runtime/encoder.js";
import { withLeases } from "../../dist/runtime/lease.js";
import { startSampler } from "../../dist/runtime/sampler.js";
import { gpuFolder, holdings } from "../../dist/runtime/simulated/ledger.js";
import { batchOf, gpus, optionsOn } from "../runtime/lib/simulated.ts";

const SAMPLING_MS = 30_000;

function spread(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  return `median ${sorted[sorted.length >> 1]?.toFixed(1)} ms, most ${sorted.at(-1)?.toFixed(1)} ms`;
}

async function leases(): Promise<void> {
  const device: UsableDevice = {
    ...CPU,
    kind: "cuda",
    name: "cuda:0",
    uuid: `GPU-${randomUUID()}`,
    provider: { kind: "cuda" },
  };
  const options = { waitSeconds: 60, read: () => null };
  const free: number[] = [];
  for (let i = 0; i < 500; i++) {
    const start = performance.now();
    await withLeases([device], "one", options, async () => {});
    free.push(performance.now() - start);
  }
  console.log(`a lease that nobody else wants: ${spread(free)}`);
  const handed: number[] = [];
  for (let i = 0; i < 50; i++) {
    let given = 0;
    const one = withLeases([device], "one", options, async () => {
      await sleep(60 + (i % 50));
      given = performance.now();
    });
    await withLeases([device], "two", options, async () => void handed.push(performance.now() - given));
    await one;
  }
  console.log(`from one that gives it back to the next: ${spread(handed)}`);
}

async function stops(): Promise<void> {
  const [gpu] = (await gpus({ flops: 1e9, speedup: 1 })) as [UsableDevice];
  if (gpu.provider.kind !== "simulated") throw new Error("no simulation");
  const folder = gpuFolder(gpu.provider.stateDir, gpu.provider.index);
  const sampler = startSampler([gpu]);
  const free: number[] = [];
  const seen: number[] = [];
  for (let i = 0; i < 20; i++) {
    const stop = new AbortController();
    const encoder = await openEncoder(optionsOn(gpu), stop.signal);
    const batch = encoder.encode([batchOf(8, 64)]).catch(() => {});
    while (!(sampler.latest(gpu.name)?.usedBytes ?? 0)) await sleep(20);
    await sleep(12.5 * i);
    const start = performance.now();
    stop.abort();
    while (holdings(folder).length > 0) await sleep(1);
    free.push(performance.now() - start);
    while (sampler.latest(gpu.name)?.usedBytes !== 0) await sleep(1);
    seen.push(performance.now() - start);
    await batch;
    await encoder.close();
  }
  await sampler.stop();
  console.log(
    `from Stop in the middle of a batch to free memory: ${spread(free)}; until the sampler has seen it: ${spread(seen)}`,
  );
}

/** Milliseconds of processor time that a process has taken; the clock of /proc ticks a hundred times a second. */
function processorMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

async function sampling(): Promise<void> {
  const pair = await gpus({}, {});
  const share = async () => {
    const before = process.cpuUsage();
    await sleep(SAMPLING_MS);
    const { user, system } = process.cpuUsage(before);
    return (100 * (user + system)) / 1000 / SAMPLING_MS;
  };
  const idle = await share();
  const sampler = startSampler([...pair, CPU]);
  sampler.watch("cpu", process.pid);
  await sleep(1000);
  const children = execFileSync("ps", ["-o", "pid=,args=", "--ppid", String(process.pid)], { encoding: "utf8" });
  const smi = Number(/^\s*(\d+) .*smi-main/m.exec(children)?.[1]);
  const before = processorMs(smi);
  const sampled = await share();
  const tool = (100 * (processorMs(smi) - before)) / SAMPLING_MS;
  await sampler.stop();
  console.log(
    `sampling two GPUs and the CPU takes ${sampled.toFixed(2)} % of a core here (${idle.toFixed(2)} % without it), and the stand-in for nvidia-smi ${tool.toFixed(2)} %`,
  );
}

await leases();
await stops();
await sampling();
