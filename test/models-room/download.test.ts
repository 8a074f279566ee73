import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { RagError } from "../../dist/core/errors.js";
import type { HubAccess } from "../../dist/models/hub/access.js";
import { lookUpRepository } from "../../dist/models/hub/api.js";
import { fillCache } from "../../dist/models/hub/fill.js";
import { hubLayout } from "../../dist/models/hub/layout.js";
import { tempRoot } from "./folder.ts";
import type { Fault, FaultOptions } from "./hub/faults.ts";
import { bytesOf } from "./hub/repos.ts";
import { type Hub, startHub } from "./hub/server.ts";

const REPO = "acme/tiny";
const weights = bytesOf({ bytes: 3_000_000, seed: 5 });
const config = '{"model_type":"bert"}';
const LARGE = "onnx/model.onnx";

async function hubWith(t: { after(work: () => unknown): void }, options = {}): Promise<Hub> {
  const hub = await startHub({
    repos: { [REPO]: { files: { "config.json": config, [LARGE]: weights }, lfs: [LARGE] } },
    ...options,
  });
  t.after(() => hub.close());
  return hub;
}

/** As patient as on the internet, but not as slow. */
function accessTo(hub: { readonly url: string }, token: string | null = null): HubAccess {
  const limits = { silenceMs: 400, attempts: 6, firstWaitMs: 5, longestWaitMs: 20, longestRetryAfterMs: 2500 };
  return { endpoint: hub.url, token, limits };
}

interface Fetched {
  readonly retries: number;
  readonly resumedBytes: number;
  readonly fetchedBytes: number;
}

/** Lists the repository and fetches all of it into a cache. */
async function fetchAll(
  access: HubAccess,
  cacheDir: string,
  signal: AbortSignal = new AbortController().signal,
  update: (onDisk: number, detail: string) => void = () => {},
): Promise<Fetched> {
  const retries = { count: 0 };
  const { revision, files } = await lookUpRepository(access, REPO, null, retries, signal);
  const wanted = files.map((file) => ({ hubId: REPO, revision, file }));
  const filled = await fillCache(access, cacheDir, wanted, { update }, signal);
  return { ...filled, retries: filled.retries + retries.count };
}

const failure = async (work: Promise<unknown>): Promise<RagError> => {
  const error = await work.then(
    () => assert.fail("it worked"),
    (e: unknown) => e,
  );
  assert.ok(error instanceof RagError, String((error as Error).stack));
  return error;
};

/** The snapshot has every file, right to the byte, and nothing half-done stays. */
function assertWhole(hub: Hub, cacheDir: string): void {
  const { folder, snapshot } = hubLayout(cacheDir, REPO);
  const commit = hub.commit(REPO);
  assert.ok(readFileSync(join(snapshot(commit), LARGE)).equals(Buffer.from(weights)));
  assert.equal(readFileSync(join(snapshot(commit), "config.json"), "utf8"), config);
  assert.deepEqual(
    readdirSync(join(folder, "blobs")).sort(),
    [hub.oid(REPO, LARGE), hub.oid(REPO, "config.json")].sort(),
  );
}

test("a repository is fetched whole, in the layout of Python's client, through the redirect to the other host", async (t) => {
  const hub = await hubWith(t, { pageSize: 1 });
  const cache = tempRoot();
  const seen: number[] = [];
  const { fetchedBytes, resumedBytes, retries } = await fetchAll(accessTo(hub), cache, undefined, (onDisk) =>
    seen.push(onDisk),
  );
  assertWhole(hub, cache);
  assert.deepEqual([fetchedBytes, resumedBytes, retries], [weights.length + config.length, 0, 0]);
  assert.equal(seen.at(-1), weights.length + config.length);
  assert.deepEqual(
    seen,
    [...seen].sort((a, b) => a - b),
    "progress never goes back",
  );
});

/** Faults that are survived, how often they strike, and what they cost at most in bytes sent twice. */
const survived: readonly [string, Fault | readonly Fault[], FaultOptions?, number?][] = [
  ["the connection is cut at a byte", { kind: "cut", after: 1_000_000 }, { times: 2 }],
  ["it ends early", { kind: "short", after: 70_001 }],
  ["it is reset before it answers", { kind: "reset" }, { times: 3 }],
  ["it answers 503", { kind: "status", status: 503 }, { times: 4 }],
  ["it answers 429 and asks to wait a second", { kind: "status", status: 429, retryAfter: 1 }],
  ["it falls silent in the middle", { kind: "stall", after: 500_000 }],
  ["it never answers", { kind: "silent" }],
  ["it is slow", { kind: "slow", bytes: 200_000, every: 20 }],
  ["it gives a web page once", { kind: "html" }],
  ["one byte is wrong once", { kind: "flip", at: 1_234_567 }, {}, weights.length],
  ["it is longer than it should be, once", { kind: "size", by: 1000 }, {}, weights.length],
  ["it has no end, once", { kind: "endless" }, {}, weights.length],
  ["it forgets the range that it was asked for", [{ kind: "ignoreRange" }], {}, 1_000_000],
  ["it answers with another range", [{ kind: "wrongRange", by: 7 }], {}, weights.length],
  ["it has no such range", [{ kind: "unsatisfiable" }], {}, 0],
];

for (const [name, fault, options = {}, twice = 0] of survived) {
  test(`survived: ${name}`, async (t) => {
    const hub = await hubWith(t);
    const cache = tempRoot();
    const kinds = [fault].flat().map(({ kind }) => kind);
    const needsRange = kinds.some((kind) => ["ignoreRange", "wrongRange", "unsatisfiable"].includes(kind));
    if (needsRange) hub.misbehave(LARGE, { kind: "cut", after: 1_000_000 });
    const struck = hub.misbehave(LARGE, fault as Fault, options);
    const { retries } = await fetchAll(accessTo(hub), cache);
    assertWhole(hub, cache);
    assert.equal(struck.happened, options.times ?? 1, "the fault happened");
    assert.ok(retries > 0 || ["slow", "flip"].includes(kinds[0] as string), "something was tried again");
    const covered = hub.rangesSent(LARGE, REPO).reduce((sum, [from, to]) => sum + to - from, 0);
    // What lay in the connection when it was given up counts as sent.
    assert.ok(covered <= weights.length + twice + 1_100_000, `${covered} bytes sent of ${weights.length}`);
  });
}

/** Faults that don't pass: refused with the right words, and nothing of them is left under a name. */
const refused: readonly [string, Fault, FaultOptions, code: string, words: RegExp][] = [
  ["web pages for files", { kind: "html" }, { times: "always" }, "hub_answer_bad", /web page in place of the file/],
  [
    "other content each time",
    { kind: "flip" },
    { times: "always" },
    "hub_answer_bad",
    /sha256 is [0-9a-f]{64}, it should be/,
  ],
  [
    "another size",
    { kind: "size", by: -5 },
    { times: "always" },
    "hub_answer_bad",
    /2999995 bytes, its listing says 3000000/,
  ],
  ["a body without end", { kind: "endless" }, { times: "always" }, "hub_answer_bad", /more than the 3000000 bytes/],
  ["5xx for ever", { kind: "status", status: 500 }, { times: "always" }, "hub_busy", /status 500.*6 attempts/s],
  [
    "cut before the first byte for ever",
    { kind: "cut", after: 0 },
    { times: "always" },
    "hub_busy",
    /ended after 0 of|no connection/,
  ],
  ["a wait that is too long", { kind: "status", status: 429, retryAfter: 86_400 }, {}, "hub_busy", /wait 86400 s/],
  ["redirects in a circle", { kind: "loop" }, {}, "hub_refused", /redirected more than 5 times/],
  ["a redirect to a file", { kind: "redirect", to: "file:///etc/passwd" }, {}, "hub_refused", /no secure web address/],
  [
    "a redirect with a password",
    { kind: "redirect", to: "http://u:p@127.0.0.1:9/" },
    {},
    "hub_refused",
    /"http:\/\/127\.0\.0\.1:9"/,
  ],
  ["status 418", { kind: "status", status: 418 }, {}, "hub_refused", /status 418/],
  ["a file that vanished", { kind: "status", status: 404 }, {}, "hub_not_found", /onnx\/model\.onnx of acme\/tiny/],
  ["a listing that is no JSON", { kind: "garbage" }, { times: "always", where: "tree" }, "hub_answer_bad", /no JSON/],
  [
    "a listing that nests without end",
    { kind: "deep", levels: 200_000 },
    { times: "always", where: "tree" },
    "hub_answer_bad",
    /not what the hub's API gives|no JSON/,
  ],
  [
    "a listing without end",
    { kind: "large", bytes: 30_000_000 },
    { times: "always", where: "tree" },
    "hub_answer_bad",
    /longer than 8388608 bytes/,
  ],
];

for (const [name, fault, options, code, words] of refused) {
  test(`refused: ${name}`, async (t) => {
    const hub = await hubWith(t);
    const cache = tempRoot();
    hub.misbehave(options.where === "tree" ? REPO : LARGE, fault, options);
    const error = await failure(fetchAll(accessTo(hub, "hf_secret"), cache));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, words);
    assert.ok(!error.message.includes("hf_secret") && !error.message.includes(":p@"));
    const { folder, snapshot } = hubLayout(cache, REPO);
    assert.ok(!existsSync(join(snapshot(hub.commit(REPO)), LARGE)));
    assert.ok(!existsSync(join(folder, "blobs", hub.oid(REPO, LARGE))));
    hub.behave();
    await fetchAll(accessTo(hub), cache);
    assertWhole(hub, cache);
  });
}

test("a hub that can't be reached is given up soon, and the message says what to do", async (t) => {
  const hub = await hubWith(t);
  await hub.refuse("hub");
  const error = await failure(fetchAll(accessTo(hub), tempRoot()));
  assert.equal(error.code, "hub_unreachable");
  assert.match(error.message, /ECONNREFUSED.*Turn the internet on/s);
});

test("what an earlier attempt left is gone on from; what it left wrong is fetched again", async (t) => {
  const hub = await hubWith(t);
  const cache = tempRoot();
  const { files } = await lookUpRepository(accessTo(hub), REPO, null, { count: 0 }, new AbortController().signal);
  const file = files.find(({ path }) => path === LARGE);
  assert.ok(file);
  const half = hubLayout(cache, REPO).partial(file);

  mkdirSync(dirname(half), { recursive: true });
  writeFileSync(half, weights.subarray(0, 2_000_000));
  const before = hub.bytesSent(LARGE, REPO);
  assert.equal((await fetchAll(accessTo(hub), cache)).resumedBytes, 2_000_000);
  assert.equal(hub.bytesSent(LARGE, REPO) - before, 1_000_000);
  assertWhole(hub, cache);

  // Under its final name, cut off and altered: the blob is checked, not trusted.
  const blob = hubLayout(cache, REPO).blob(file);
  truncateSync(blob, 1_500_000);
  const again = hub.bytesSent(LARGE, REPO);
  await fetchAll(accessTo(hub), cache);
  assert.equal(hub.bytesSent(LARGE, REPO) - again, 1_500_000);
  assertWhole(hub, cache);
  writeFileSync(blob, createHash("sha256").digest().subarray(0, 1), { flag: "r+" });
  await fetchAll(accessTo(hub), cache);
  assertWhole(hub, cache);
  writeFileSync(half, Buffer.alloc(4_000_000));
  await fetchAll(accessTo(hub), cache);
  assertWhole(hub, cache);
  assert.equal(statSync(blob).size, weights.length);
});

test("the token goes to the hub alone, and a gated repository without it is refused with the way out", async (t) => {
  const hub = await startHub({
    repos: { [REPO]: { files: { "config.json": config, [LARGE]: weights }, lfs: [LARGE], gatedBy: "hf_right" } },
    gateApi: true,
  });
  t.after(() => hub.close());
  const error = await failure(fetchAll(accessTo(hub), tempRoot()));
  assert.equal(error.code, "hub_denied");
  assert.match(error.message, /set HF_TOKEN/);
  const wrong = await failure(fetchAll(accessTo(hub, "hf_wrong"), tempRoot()));
  assert.match(wrong.message, /The token in HF_TOKEN may not read it/);
  assert.ok(!wrong.message.includes("hf_wrong"));

  const cache = tempRoot();
  await fetchAll(accessTo(hub, "hf_right"), cache);
  assertWhole(hub, cache);
  const other = hub.requests.filter(({ host }) => host === "cdn");
  assert.ok(other.length > 0 && other.every(({ authorization }) => authorization === null));
  assert.ok(hub.requests.some(({ host, authorization }) => host === "hub" && authorization === "Bearer hf_right"));

  // A redirect of the hub's to a third host must not carry it either.
  const third = await hubWith(t);
  hub.misbehave("config.json", { kind: "redirect", to: `${third.url}/${REPO}/resolve/main/config.json` });
  await fetchAll(accessTo(hub, "hf_right"), tempRoot());
  assert.ok(third.requests.length > 0 && third.requests.every(({ authorization }) => authorization === null));
});

test("two that fill one cache at once take turns, and nothing is fetched twice", async (t) => {
  const hub = await hubWith(t);
  const cache = tempRoot();
  hub.misbehave(LARGE, { kind: "slow", bytes: 300_000, every: 20 });
  const waits: string[] = [];
  const [first, second] = await Promise.all([
    fetchAll(accessTo(hub), cache),
    fetchAll(accessTo(hub), cache, undefined, (_, detail) => waits.push(detail)),
  ]);
  assert.equal(first.fetchedBytes + second.fetchedBytes, weights.length + config.length);
  assertWhole(hub, cache);
});

test("Stop ends a download at once and keeps what came", async (t) => {
  const hub = await hubWith(t);
  const cache = tempRoot();
  hub.misbehave(LARGE, { kind: "slow", bytes: 50_000, every: 20 }, { times: "always" });
  const stop = new AbortController();
  const began = performance.now();
  let asked = 0;
  const running = fetchAll(accessTo(hub), cache, stop.signal, (onDisk) => {
    if (onDisk < 500_000 || stop.signal.aborted) return;
    asked = performance.now();
    stop.abort(new Error("stopped by the operator"));
  });
  await assert.rejects(running, /stopped by the operator/);
  t.diagnostic(`stopped ${(performance.now() - asked).toFixed(0)} ms after Stop, ${(asked - began).toFixed(0)} ms in`);
  hub.behave();
  const { resumedBytes } = await fetchAll(accessTo(hub), cache);
  assert.ok(resumedBytes >= 400_000, `${resumedBytes}`);
  assertWhole(hub, cache);
});
