import assert from "node:assert/strict";
import { fork, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  cpSync,
  existsSync,
  linkSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import * as rag from "../../dist/index.js";
import { tmpfs } from "../lib/mounts.ts";
import { until } from "../lib/processes.ts";
import { lacking, python } from "../lib/python.ts";
import { corpusOf, sampleModels, sampleOptions, scratch, smallCorpus } from "../lib/sample.ts";
import { externalOnnx } from "../runtime/lib/external.ts";
import { tempRoot, testCard, wholeModel, write } from "./folder.ts";
import { startHubProcess } from "./hub/process.ts";
import type { Content } from "./hub/repos.ts";
import { type Hub, startHub } from "./hub/server.ts";

type Test = { after(work: () => unknown): void };
type Repos = Record<string, { files: Record<string, Content>; lfs: string[] }>;

/** The sample models as repositories, weights in LFS as the real hub has them. */
function sampleRepos(): Repos {
  const repos: Repos = {};
  for (const name of ["dense", "splade", "rerank"]) {
    const folder = join(sampleModels, `rag-cells-sample-${name}`);
    const files: Record<string, Content> = {};
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      files[path.slice(folder.length + 1)] = readFileSync(path);
    }
    repos[`rag-cells/sample-${name}`] = { files, lfs: ["onnx/model.onnx"] };
  }
  return repos;
}

async function sampleHub(t: Test): Promise<Hub> {
  const hub = await startHub({ repos: sampleRepos() });
  t.after(() => hub.close());
  return hub;
}

interface Place {
  readonly dir: string;
  readonly cacheDir: string;
}

const place = async (): Promise<Place> => ({ dir: await scratch("prime"), cacheDir: await scratch("cache") });

/** A session that has nothing but a cache folder and the hub. */
function open(t: Test, hub: { readonly url: string }, at: Place, more: Partial<rag.SessionOptions> = {}) {
  return rag
    .openSession({
      ...sampleOptions(at.dir),
      modelDirs: [],
      cacheDir: at.cacheDir,
      offline: false,
      hubEndpoint: hub.url,
      ...more,
    })
    .then((session) => {
      t.after(() => session.close());
      return session;
    });
}

const failure = async (work: Promise<unknown>): Promise<rag.RagError> => {
  const error = await work.then(
    () => assert.fail("it worked"),
    (e: unknown) => e,
  );
  assert.ok(error instanceof rag.RagError, String((error as Error).stack));
  return error;
};

/** Runs Node without blocking this process, which may be the hub. */
async function run(args: readonly string[], env: NodeJS.ProcessEnv): Promise<{ stdout: string; stderr: string }> {
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { stdout, stderr };
}

const lockOf = (at: Place) => JSON.parse(readFileSync(join(at.dir, "models.lock.json"), "utf8"));
const snapshotOf = (at: Place, hub: Hub, name: string) =>
  join(at.cacheDir, `models--rag-cells--sample-${name}/snapshots/${hub.commit(`rag-cells/sample-${name}`)}`);

test("what is missing is fetched, pinned and used; afterwards no connection is tried", async (t) => {
  const hub = await sampleHub(t);
  const at = await place();
  const session = await open(t, hub, at);
  const run = await rag.primeCache(session);
  assert.equal(run.fetched?.models.length, 3);
  assert.equal(run.fetched.bytes, run.bytes, "only what a model needs");
  for (const { model, files } of run.models) {
    const name = model.key.replace("sample-", "");
    assert.equal(model.revision, hub.commit(model.hubId));
    assert.equal(model.servedFrom, relative(dirname(at.cacheDir), snapshotOf(at, hub, name)));
    const locked = lockOf(at).models[model.hubId];
    assert.equal(locked.revision, model.revision);
    assert.deepEqual(
      Object.keys(locked.files),
      files.map(({ path }) => path),
    );
    for (const { path, sha256, bytes } of files) assert.deepEqual(locked.files[path], { bytes, sha256 });
  }

  const asked = hub.requests.length;
  const again = await rag.primeCache(session);
  assert.ok(again.reused && again.fetched === null && again.id === run.id);
  const chunks = await rag.chunk(session, { files: join(await corpusOf(smallCorpus), "**/*.md") });
  const dense = await rag.runDense(session, chunks);
  assert.equal(hub.requests.length, asked, "everything was on disk");
  session.close();

  const local = await rag.openSession(sampleOptions(await scratch("local")));
  const same = await rag.runDense(
    local,
    await rag.chunk(local, { files: join(await corpusOf(smallCorpus), "**/*.md") }),
  );
  assert.equal(same.id, dense.id, "where the files lie is no part of what a run is");
  local.close();
});

test("a plan says what there is and what would come, and fetches nothing", async (t) => {
  const hub = await sampleHub(t);
  const at = await place();
  const session = await open(t, hub, at, { modelDirs: [await only("dense")] });
  const plan = await rag.primeCache(session, undefined, { onlyPlan: true });
  assert.deepEqual(
    plan.models.map(({ key, state }) => [key, state]),
    [
      ["sample-dense", "on disk"],
      ["sample-splade", "to fetch"],
      ["sample-rerank", "to fetch"],
    ],
  );
  assert.ok(plan.toFetch > 6e6 && plan.bytes > plan.toFetch && (plan.freeBytes ?? 0) > 0);
  assert.equal(plan.models[1]?.revision, hub.commit("rag-cells/sample-splade"));
  assert.equal(hub.requests.filter(({ path }) => path !== null).length, 0);
  assert.ok(!existsSync(join(at.dir, "models.lock.json")));
  const show = (plan as unknown as { [key: symbol]: unknown })[Symbol.for("Jupyter.display")] as () => Record<
    string,
    string
  >;
  assert.match(show()["text/plain"] ?? "", /To fetch\s+6\.\d+ MB/);

  session.close();
  const offline = await open(t, hub, at, { offline: true });
  const missing = await rag.primeCache(offline, undefined, { onlyPlan: true });
  assert.ok(missing.models.every(({ state, files }) => state === "missing" && files[0]?.problem === "missing"));
});

/** A copy of one sample model, as the only one in a folder. */
async function only(name: string): Promise<string> {
  const dir = await scratch("only");
  cpSync(join(sampleModels, `rag-cells-sample-${name}`), join(dir, `rag-cells-sample-${name}`), { recursive: true });
  return dir;
}

test("offline no connection is tried, and one error names every missing file of every model", async (t) => {
  const hub = await sampleHub(t);
  const session = await open(t, hub, await place(), { offline: true });
  const error = await failure(rag.primeCache(session));
  assert.equal(error.code, "model_files_missing");
  for (const name of ["dense", "splade", "rerank"]) assert.ok(error.message.includes(`"sample-${name}" (fp32)`));
  assert.equal(error.message.match(/onnx\/model\.onnx/g)?.length, 3);
  assert.match(error.message, /The session is offline/);
  assert.deepEqual(hub.requests, []);
});

test("HF_HUB_OFFLINE makes a session offline", async () => {
  const script = `import(${JSON.stringify(join(import.meta.dirname, "../../dist/index.js"))}).then(async (rag) => {
    const session = await rag.openSession({ name: "s", dir: ${JSON.stringify(await scratch("env"))}, device: "cpu" });
    console.log(session.settings.offline, session.provenance.offline.source);
    session.close();
  })`;
  const { stdout } = spawnSync(process.execPath, ["-e", script], {
    encoding: "utf8",
    env: { HF_HUB_OFFLINE: "1", HOME: "/nonexistent" },
  });
  assert.equal(stdout.trim(), "true env");
});

test("without a network the same error says why, soon", { timeout: 20_000 }, async (t) => {
  const session = await open(t, { url: "http://127.0.0.1:9" }, await place());
  const error = await failure(rag.primeCache(session));
  assert.equal(error.code, "model_files_missing");
  assert.match(error.message, /3 models are missing.*ECONNREFUSED.*Turn the internet on/s);
});

test("a model that the hub does not have is missing, with the hub's reason", async (t) => {
  const hub = await sampleHub(t);
  const row = testCard({ key: "gone", hubId: "acme/gone", externalData: {} });
  const session = await open(t, hub, await place(), { addModels: [row] });
  const error = await failure(rag.primeCache(session, ["gone"]));
  assert.equal(error.code, "model_files_missing");
  assert.match(error.message, /has no "acme\/gone"/);
  const short = testCard({
    key: "short",
    hubId: "rag-cells/sample-dense",
    onnx: { fp32: "onnx/other.onnx" },
    externalData: {},
  });
  session.close();
  const second = await open(t, hub, await place(), { addModels: [short] });
  assert.match((await failure(rag.primeCache(second, ["short"]))).message, /has no "onnx\/other\.onnx" at/);
});

test("the first commit stays until the lock is forgotten", async (t) => {
  const hub = await sampleHub(t);
  const at = await place();
  const first = await rag.primeCache(await open(t, hub, at), ["sample-dense"]);
  const config = JSON.parse(readFileSync(join(sampleModels, "rag-cells-sample-dense/config.json"), "utf8"));
  hub.push("rag-cells/sample-dense", { "config.json": JSON.stringify({ ...config, note: "newer" }) });
  rmSync(join(at.cacheDir, "models--rag-cells--sample-dense"), { recursive: true });

  const session = await open(t, hub, at);
  const same = await rag.primeCache(session, ["sample-dense"]);
  assert.equal(same.models[0]?.model.revision, first.models[0]?.model.revision);
  assert.equal(same.id, first.id);

  rmSync(join(at.cacheDir, "models--rag-cells--sample-dense"), { recursive: true });
  const newer = await rag.primeCache(session, ["sample-dense"], { relock: true });
  assert.equal(newer.models[0]?.model.revision, hub.commit("rag-cells/sample-dense"));
  assert.notEqual(newer.id, first.id);
  assert.equal(lockOf(at).models["rag-cells/sample-dense"].revision, hub.commit("rag-cells/sample-dense"));
});

test("near the session's end a fetch is stopped and not begun, with how to go on; what is on disk is still looked at", async (t) => {
  const hub = await sampleHub(t);
  const at = await place();
  const stall = await hub.misbehave("onnx/model.onnx", { kind: "stall", after: 1000 }, { times: "always" });
  // Six seconds are the margin and begin in four; half of it is left when the fetch is stopped.
  const left = (seconds: number) => ({
    sessionHours: 1,
    endMarginMinutes: 0.1,
    sessionStart: new Date(Date.now() - (3600 - seconds) * 1000).toISOString(),
  });
  const late = await open(t, hub, at, left(10));
  const stopped = await failure(rag.primeCache(late, ["sample-dense"]));
  assert.equal(stopped.code, "session_ending");
  assert.match(stopped.message, /^The prime stage was stopped: 0 min 0[0-3] s .* are left\. The session is packed in/);
  late.close();
  stall.stop();

  const later = await open(t, hub, at, { ...left(5), endMarginMinutes: 1 });
  const asked = hub.requests.length;
  assert.match((await failure(rag.primeCache(later, ["sample-dense"]))).message, /^The prime stage was not begun: /);
  assert.equal(hub.requests.length, asked);
  assert.equal((await rag.primeCache(later, ["sample-dense"], { onlyPlan: true })).kind, "prime_plan");
  later.close();

  const next = await open(t, hub, at);
  const run = await rag.primeCache(next, ["sample-dense"]);
  assert.ok((run.fetched?.resumedBytes ?? 0) >= 1000, "it goes on where it was");
});

test("an altered, cut or missing file is found, never loaded, and fetched again", async (t) => {
  const hub = await sampleHub(t);
  const at = await place();
  const session = await open(t, hub, at);
  await rag.primeCache(session);
  const chunks = await rag.chunk(session, { files: join(await corpusOf(smallCorpus), "**/*.md") });
  assert.ok((await rag.verifyCache(session)).ok);
  const weights = join(snapshotOf(at, hub, "dense"), "onnx/model.onnx");
  const whole = readFileSync(weights);

  const damages: readonly [string, () => void, RegExp][] = [
    [
      "one bit",
      () => writeFileSync(weights, Buffer.from(whole).fill((whole[5000] as number) ^ 1, 5000, 5001)),
      /altered: its sha256 is/,
    ],
    ["cut", () => truncateSync(weights, 100_000), /cut off: it has 100000 bytes/],
    ["longer", () => writeFileSync(weights, "x", { flag: "a" }), /altered: it has \d+ bytes/],
    ["gone", () => rmSync(realpathSync(weights)), /missing/],
  ];
  for (const [name, damage, words] of damages) {
    damage();
    const report = await rag.verifyCache(session);
    assert.ok(!report.ok, name);
    const bad = report.files.filter(({ state }) => state === "bad");
    assert.deepEqual(
      bad.map(({ model, path }) => [model, path]),
      [["sample-dense", "onnx/model.onnx"]],
      name,
    );
    assert.match(bad[0]?.problem ?? "", words, name);
    const error = await failure(rag.runDense(session, chunks));
    assert.equal(error.code, "model_files_missing");
    assert.match(error.message, words, name);

    const sent = hub.bytesSent("onnx/model.onnx", "rag-cells/sample-dense");
    const repaired = await rag.primeCache(session);
    assert.equal(repaired.fetched?.models.join(), "sample-dense");
    assert.ok(readFileSync(weights).equals(whole), name);
    const again = hub.bytesSent("onnx/model.onnx", "rag-cells/sample-dense") - sent;
    assert.ok(again <= whole.length, `${again}`);
    assert.ok((await rag.verifyCache(session)).ok, name);
  }
  assert.equal((await rag.runDense(session, chunks)).kind, "dense");
});

test("an altered read-only folder is passed over, and the run says so", async (t) => {
  const hub = await sampleHub(t);
  const at = await place();
  const dataset = await only("dense");
  const folder = join(dataset, "rag-cells-sample-dense");
  const before = await open(t, hub, at, { modelDirs: [dataset] });
  const first = await rag.primeCache(before, ["sample-dense"]);
  assert.equal(first.models[0]?.model.servedFrom, `${basename(dataset)}/rag-cells-sample-dense`);
  assert.match(first.models[0]?.model.revision ?? "", /^content:/);
  before.close();

  const config = join(folder, "config.json");
  writeFileSync(config, readFileSync(config, "utf8").replace("{", "{ "));
  chmodSync(folder, 0o555);
  t.after(() => chmodSync(folder, 0o755));
  const session = await open(t, hub, at, { modelDirs: [dataset] });
  const run = await rag.primeCache(session, ["sample-dense"], { rerun: true });
  assert.equal(run.models[0]?.model.servedFrom, relative(dirname(at.cacheDir), snapshotOf(at, hub, "dense")));
  assert.equal(run.id, first.id, "the same bytes, from elsewhere");
  const note = run.notes.find(({ code }) => code === "folder_passed_over");
  assert.ok(note?.message.includes(folder) && /config\.json: altered/.test(note.message), JSON.stringify(run.notes));
  assert.ok(!readFileSync(join(run.dir, "run.json"), "utf8").includes(dataset), "no path of this machine is stored");
  const report = await rag.verifyCache(session, ["sample-dense"]);
  assert.ok(!report.ok && report.files.some(({ path, problem }) => path === folder && problem.includes("altered")));
});

test("a folder that carries its own lock file is held against it, and needs no other", async (t) => {
  const hub = await sampleHub(t);
  const at = await place();
  await rag.primeCache(await open(t, hub, at), ["sample-dense"]);
  const dataset = await only("dense");
  renameSync(join(at.dir, "models.lock.json"), join(dataset, "models.lock.json"));
  const elsewhere = await place();
  const session = await open(t, hub, elsewhere, { modelDirs: [dataset], offline: true });
  const run = await rag.primeCache(session, ["sample-dense"]);
  assert.equal(run.models[0]?.model.revision, hub.commit("rag-cells/sample-dense"));
  assert.ok(!existsSync(join(elsewhere.dir, "models.lock.json")));
  truncateSync(join(dataset, "rag-cells-sample-dense/onnx/model.onnx"), 1000);
  assert.match((await failure(rag.primeCache(session, ["sample-dense"]))).message, /cut off: it has 1000 bytes/);
});

test("a lock file that is none is an error before anything is fetched", async (t) => {
  const hub = await sampleHub(t);
  for (const text of [
    "{",
    "{}",
    '{"schema":"rag-cells/models-lock@9"}',
    '{"schema":"rag-cells/models-lock@1","models":{"../x":{}}}',
  ]) {
    const at = await place();
    writeFileSync(join(at.dir, "models.lock.json"), text);
    const error = await failure(rag.primeCache(await open(t, hub, at)));
    assert.equal(error.code, "bad_models_lock", error.message);
  }
  assert.deepEqual(hub.requests, []);
});

test("tensors that a graph keeps elsewhere are found when the cache is primed", async (t) => {
  const dir = tempRoot();
  const prime = async (location: string, externalData: Record<string, string[]>) => {
    write(join(dir, "tiny"), { ...wholeModel, "onnx/model.onnx": externalOnnx(location, 8) });
    const row = testCard({ externalData, onnx: { fp32: "onnx/model.onnx" } });
    const session = await open(t, { url: "http://127.0.0.1:9" }, await place(), {
      modelDirs: [dir],
      addModels: [row],
      offline: true,
    });
    return rag.primeCache(session, ["tiny"]);
  };
  await prime("model.onnx_data", { fp32: ["model.onnx_data"] });
  const undeclared = await failure(prime("model.onnx_data_1", { fp32: ["model.onnx_data"] }));
  assert.equal(undeclared.code, "model_file_outside");
  assert.match(undeclared.message, /model\.onnx_data_1.*externalData/s);
  for (const location of ["../secret", "/etc/passwd", "a/../../b", "C:\\\\x", "*/_ORT_MEM_ADDR_/"])
    assert.equal((await failure(prime(location, { fp32: ["model.onnx_data"] }))).code, "model_file_outside", location);
  linkSync(join(dir, "tiny/onnx/model.onnx_data"), join(dir, "second-name"));
  const linked = await failure(prime("model.onnx_data", { fp32: ["model.onnx_data"] }));
  assert.match(linked.message, /2 names on this disk \(hard links\)/);
});

test("nothing but data is asked for, whatever a repository holds and its configuration names", async (t) => {
  const hub = await sampleHub(t);
  const config = JSON.parse(readFileSync(join(sampleModels, "rag-cells-sample-dense/config.json"), "utf8"));
  hub.push("rag-cells/sample-dense", {
    "config.json": JSON.stringify({ ...config, auto_map: { AutoModel: "modeling_evil.EvilModel" } }),
    "modeling_evil.py": "raise SystemExit",
    "pytorch_model.bin": "pickle",
    "model.safetensors": "tensors",
  });
  const run = await rag.primeCache(await open(t, hub, await place()), ["sample-dense"]);
  const asked = new Set(hub.requests.flatMap(({ path }) => path ?? []));
  assert.deepEqual([...asked].sort(), run.models[0]?.files.map(({ path }) => path).sort());
});

test("two rows of one repository are fetched once", async (t) => {
  const hub = await sampleHub(t);
  const row = rag.listModels().find(({ key }) => key === "sample-dense");
  assert.ok(row);
  const session = await open(t, hub, await place(), { addModels: [{ ...row, key: "other", queryPrefix: "find: " }] });
  const run = await rag.primeCache(session, ["sample-dense", "other"]);
  assert.equal(run.fetched?.bytes, run.models[0]?.bytes);
  assert.equal(run.models[1]?.bytes, run.models[0]?.bytes);
});

test("a disk without room is seen before a byte is fetched", async (t) => {
  const disk = await tmpfs(t, "size=8m");
  if (!disk) return;
  const hub = await sampleHub(t);
  const session = await open(t, hub, { dir: await scratch("prime"), cacheDir: join(disk.dir, "hub") });
  const error = await failure(rag.primeCache(session));
  assert.equal(error.code, "model_cache_full");
  assert.match(error.message, /need \d+\.?\d* MB .* MB are free/);
  assert.ok(hub.requests.every(({ path }) => path === null));
});

test("a cache folder that can't be written is an error with the way out", async (t) => {
  const disk = await tmpfs(t, "size=200m");
  if (!disk) return;
  disk.remount("ro");
  const hub = await sampleHub(t);
  const error = await failure(
    rag.primeCache(await open(t, hub, { dir: await scratch("prime"), cacheDir: join(disk.dir, "hub") })),
  );
  assert.equal(error.code, "model_cache_write_failed");
  assert.match(error.message, /can't be written.*cacheDir/s);
});

test("Python's client reads the cache that was fetched here, offline", {
  skip: lacking("huggingface_hub"),
}, async (t) => {
  const hub = await sampleHub(t);
  const at = await place();
  const { models } = await rag.primeCache(await open(t, hub, at), ["sample-dense"]);
  const script = `import sys
from huggingface_hub import try_to_load_from_cache, scan_cache_dir, hf_hub_download
repo, cache = sys.argv[1:]
print(hf_hub_download(repo, "onnx/model.onnx", cache_dir=cache, local_files_only=True))
print(try_to_load_from_cache(repo, "config.json", cache_dir=cache))
info = scan_cache_dir(cache)
print(len(info.warnings), [(r.repo_id, r.nb_files) for r in info.repos])`;
  const { stdout, stderr } = spawnSync(python, ["-c", script, "rag-cells/sample-dense", at.cacheDir], {
    encoding: "utf8",
    env: { ...process.env, HF_HUB_OFFLINE: "1" },
  });
  const root = join(dirname(at.cacheDir), models[0]?.model.servedFrom ?? "");
  assert.deepEqual(
    stdout.trim().split("\n"),
    [
      join(root, "onnx/model.onnx"),
      join(root, "config.json"),
      `0 [('rag-cells/sample-dense', ${models[0]?.files.length})]`,
    ],
    stderr,
  );
});

test("killed three times while it fetches, it goes on where it was: nothing is fetched twice", {
  timeout: 60_000,
}, async (t) => {
  const hub = await startHubProcess({ repos: sampleRepos() });
  t.after(() => hub.close());
  const at = await place();
  const options: rag.SessionOptions = {
    ...sampleOptions(at.dir),
    modelDirs: [],
    cacheDir: at.cacheDir,
    offline: false,
    hubEndpoint: hub.url,
  };
  await hub.misbehave("onnx/model.onnx", { kind: "slow", bytes: 60_000, every: 8 }, { times: "always" });
  const kept = () => {
    let bytes = 0;
    for (const entry of readdirSync(at.cacheDir, { recursive: true, withFileTypes: true }))
      if (entry.isFile() && entry.parentPath.endsWith("blobs"))
        bytes += statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0;
    return bytes;
  };
  for (const target of [1e6, 3e6, 6e6]) {
    const child = fork(join(import.meta.dirname, "prime-child.ts"), [JSON.stringify(options)], { stdio: "ignore" });
    await until(() => (kept() >= target ? true : null), `${target} bytes on disk`);
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  const before = kept();
  await hub.behave();
  const session = await open(t, hub, at);
  const { fetched, bytes } = await rag.primeCache(session);
  assert.equal((fetched?.bytes ?? 0) + (fetched?.resumedBytes ?? 0), bytes);
  assert.ok(bytes - (fetched?.bytes ?? 0) >= before - 64, "what was on disk was not fetched again");
  assert.ok((await rag.verifyCache(session)).ok);
});

test("the token stands in nothing that is written or shown", async (t) => {
  const hub = await sampleHub(t);
  const at = await place();
  const script = `import(${JSON.stringify(join(import.meta.dirname, "../../dist/index.js"))}).then(async (rag) => {
    const { inspect } = await import("node:util");
    const session = await rag.openSession(${JSON.stringify({ ...sampleOptions(at.dir), modelDirs: [], cacheDir: at.cacheDir, offline: false, hubEndpoint: hub.url })});
    console.log(inspect(session, { depth: 9, showHidden: true }), inspect(await rag.primeCache(session, undefined, { onlyPlan: true }), { depth: 9 }));
    console.log(inspect(await rag.primeCache(session), { depth: 9 }));
    console.log(await rag.primeCache(session, ["all-minilm-l6-v2"]).catch((error) => inspect(error, { depth: 9 }) + error.stack));
    session.close();
  })`;
  const { stdout, stderr } = await run(["-e", script], { ...process.env, HF_TOKEN: "hf_very_secret" });
  assert.match(stdout, /prime/, stderr);
  assert.ok(!`${stdout}${stderr}`.includes("hf_very_secret"));
  assert.ok(
    hub.requests.some(({ authorization }) => authorization === "Bearer hf_very_secret"),
    "it was used",
  );
  for (const dir of [at.dir, at.cacheDir]) {
    for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
      if (entry.isFile())
        assert.ok(!readFileSync(join(entry.parentPath, entry.name)).includes("hf_very_secret"), entry.name);
    }
  }
});
