/**
 * The model cache, against a hub of our own on loopback:
 *
 * - killed at random points while it fetches, how many bytes come twice;
 * - how fast a cache is verified, beside reading the same files plainly;
 * - how long a session takes to open, and to be primed, on a cache that is whole.
 *
 *     npm run bench:cache [-- --kills 20 --megabytes 64 --verify 1024 --seed 1]
 */
import { execFileSync, fork } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import * as rag from "../../dist/index.js";
import { testCard, wholeModel, write } from "../models-room/folder.ts";
import { startHubProcess } from "../models-room/hub/process.ts";
import { externalOnnx } from "../runtime/lib/external.ts";
import { seeded } from "../runtime/lib/random.ts";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "20" },
    megabytes: { type: "string", default: "64" },
    verify: { type: "string", default: "1024" },
    seed: { type: "string", default: "1" },
  },
});
const [kills, megabytes, verifyMegabytes, seed] = [values.kills, values.megabytes, values.verify, values.seed].map(
  Number,
) as [number, number, number, number];

const folder = mkdtempSync(join(tmpdir(), "rag-cells-bench-cache-"));
const DATA = "onnx/model.onnx_data";
const row = testCard();
const base = { device: "cpu", dense: ["tiny"], sparse: ["bm25"], enableRerank: false, addModels: [row] } as const;
const results: Record<string, unknown> = { at: new Date().toISOString(), node: process.version, kills, megabytes };
try {
  await killed();
  await verified();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
mkdirSync(resolve("out/bench"), { recursive: true });
writeFileSync(resolve("out/bench/cache.json"), `${JSON.stringify(results, null, 2)}\n`);
console.log(`Written to ${resolve("out/bench/cache.json")}`);

/** The small files of the model, and its graph, whose tensors are in a large file. */
function smallFiles(): Record<string, string | Uint8Array> {
  const files: Record<string, string | Uint8Array> = {};
  for (const [path, content] of Object.entries(wholeModel))
    if (path !== DATA) files[path] = typeof content === "string" ? content : JSON.stringify(content);
  return { ...files, "onnx/model.onnx": externalOnnx("model.onnx_data", 8) };
}

async function killed(): Promise<void> {
  const bytes = megabytes * 1e6;
  const files = { ...smallFiles(), [DATA]: { bytes, seed } };
  const hub = await startHubProcess({ repos: { [row.hubId]: { files, lfs: [DATA] } } });
  const [dir, cacheDir] = [join(folder, "killed"), join(folder, "killed-cache")];
  const options: rag.SessionOptions = { ...base, name: "s", dir, cacheDir, modelDirs: [], hubEndpoint: hub.url };
  const blobs = join(cacheDir, "models--acme--tiny-model/blobs");
  const onDisk = () => largestIn(blobs);
  const next = seeded(seed);
  const points = Array.from({ length: kills }, () => next() * bytes * 0.95).sort((a, b) => a - b);
  await hub.misbehave(DATA, { kind: "slow", bytes: 256_000, every: 5 }, { times: "always" });
  let largestLoss = 0;
  for (const point of points) {
    const child = fork(join(import.meta.dirname, "../models-room/prime-child.ts"), [JSON.stringify(options)], {
      stdio: "ignore",
    });
    while (onDisk() < point) await new Promise((go) => setTimeout(go, 2));
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  await hub.behave();
  const session = await rag.openSession(options);
  const run = await rag.primeCache(session);
  session.close();
  const ranges = (await hub.rangesSent(DATA, row.hubId)).sort((a, b) => a[0] - b[0]);
  for (let i = 1; i < ranges.length; i++) {
    const [before, after] = [ranges[i - 1], ranges[i]] as [[number, number], [number, number]];
    largestLoss = Math.max(largestLoss, before[1] - after[0]);
  }
  const sent = ranges.reduce((sum, [from, to]) => sum + to - from, 0);
  await hub.close();
  results["resume"] = { kills, bytes, sent, twice: sent - bytes, largestLoss, requests: ranges.length };
  console.log(
    `killed ${kills} times while ${megabytes} MB came: ${((sent - bytes) / 1e6).toFixed(2)} MB were sent twice, at most ${(largestLoss / 1e6).toFixed(2)} MB after one kill (what lay in the connection, not yet on disk)`,
  );
  console.log(`the last call fetched ${((run.fetched?.bytes ?? 0) / 1e6).toFixed(1)} MB and found the rest on disk`);
}

/** Size of the largest file in a folder, which may not be there yet. */
function largestIn(folder: string): number {
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return Math.max(0, ...names.map((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0));
}

async function verified(): Promise<void> {
  const root = join(folder, "models");
  write(join(root, "tiny"), smallFiles());
  const data = join(root, "tiny", DATA);
  const block = Buffer.alloc(1 << 20);
  const next = seeded(seed);
  for (let i = 0; i < block.length; i += 4) block.writeUInt32LE(Math.floor(next() * 2 ** 32), i);
  const fd = openSync(data, "w");
  for (let i = 0; i < verifyMegabytes; i++) {
    block.writeUInt32LE(i, 0);
    writeFileSync(fd, block);
  }
  closeSync(fd);

  const options: rag.SessionOptions = {
    ...base,
    name: "s",
    dir: join(folder, "verified"),
    cacheDir: join(folder, "none"),
    modelDirs: [root],
    offline: true,
  };
  const began = performance.now();
  const session = await rag.openSession(options);
  const opened = performance.now();
  await rag.primeCache(session);
  const primed = performance.now();
  await rag.primeCache(session);
  const again = performance.now();
  const cold = dropPageCache();
  const [read, verify]: [number[], number[]] = [[], []];
  for (let round = 0; round < 3; round++) {
    dropPageCache();
    read.push(plainRead(data));
    dropPageCache();
    const report = await rag.verifyCache(session);
    if (!report.ok) throw new Error("the cache is whole and was called bad");
    verify.push(report.seconds);
  }
  session.close();
  const hash = plainHash();
  const gigabytes = statSync(data).size / 1e9;
  const [bestRead, bestVerify] = [Math.min(...read), Math.min(...verify)];
  results["verify"] = { gigabytes, cold, readSeconds: read, verifySeconds: verify, hashGigabytesPerSecond: hash };
  results["open"] = {
    openSeconds: (opened - began) / 1000,
    primeSeconds: (primed - opened) / 1000,
    primeAgainSeconds: (again - primed) / 1000,
  };
  console.log(
    `${gigabytes.toFixed(2)} GB: read plainly at ${(gigabytes / bestRead).toFixed(2)} GB/s, verified at ${(gigabytes / bestVerify).toFixed(2)} GB/s (${(bestRead / bestVerify).toFixed(2)} of it; best of 3, ${cold ? "from the disk, the page cache emptied before each" : "from the page cache, which this user can't empty"}); sha256 alone does ${hash.toFixed(2)} GB/s here`,
  );
  console.log(
    `a session opens in ${(opened - began).toFixed(0)} ms; priming it on that cache takes ${((primed - opened) / 1000).toFixed(2)} s, and ${(again - primed).toFixed(0)} ms the second time in one kernel`,
  );
}

/** Seconds to read a file from end to end in blocks of 1 MiB. */
function plainRead(path: string): number {
  const buffer = Buffer.alloc(1 << 20);
  const began = performance.now();
  const fd = openSync(path, "r");
  while (readSync(fd, buffer) > 0);
  closeSync(fd);
  return (performance.now() - began) / 1000;
}

/** Empties the system's page cache, where this user may: what is read then comes from the disk. */
function dropPageCache(): boolean {
  try {
    execFileSync("sync");
    writeFileSync("/proc/sys/vm/drop_caches", "1");
    return true;
  } catch {
    return false;
  }
}

/** GB/s of sha256 over memory, in this process. */
function plainHash(): number {
  const block = Buffer.alloc(1 << 20, 7);
  const hash = createHash("sha256");
  const began = performance.now();
  for (let i = 0; i < 512; i++) hash.update(block);
  hash.digest();
  return (512 * block.length) / 1e6 / (performance.now() - began);
}
