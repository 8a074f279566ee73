import assert from "node:assert/strict";
import { get as httpGet } from "node:http";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../../lib/processes.ts";
import type { Fault } from "./faults.ts";
import { bytesOf } from "./repos.ts";
import { type Hub, startHub } from "./server.ts";

const MODEL = bytesOf({ bytes: 300_000, seed: 1 });
const PATH = "model.onnx";

async function hubFor(t: TestContext): Promise<Hub> {
  const files = { [PATH]: MODEL, "config.json": "{}" };
  const hub = await startHub({ repos: { "acme/tiny": { files, lfs: [PATH] } }, pageSize: 1 });
  t.after(() => hub.close());
  return hub;
}

interface Got {
  readonly status: number | null;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  /** What ended it before its time, or null. */
  readonly error: string | null;
}

/** One request on a connection of its own; keeps what came before an error, and gives up after `silence` ms without a byte. */
function get(url: string, { range, method = "GET", silence = 10_000 }: Asking = {}): Promise<Got> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let got: Pick<Got, "status" | "headers"> = { status: null, headers: {} };
    const done = (error: string | null) => resolve({ ...got, body: Buffer.concat(chunks), error });
    const headers = range === undefined ? {} : { range };
    const request = httpGet(url, { agent: false, method, headers, timeout: silence }, (response) => {
      got = { status: response.statusCode ?? null, headers: response.headers };
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => done(null));
      response.on("error", (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
    });
    request.on("timeout", () => request.destroy(Object.assign(new Error(), { code: "SILENCE" })));
    request.on("error", (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
  });
}
interface Asking {
  readonly range?: string;
  readonly method?: string;
  readonly silence?: number;
}

const resolveUrl = (hub: Hub, path = PATH) => `${hub.url}/acme/tiny/resolve/main/${path}`;
const cdnUrl = async (hub: Hub) => String((await get(resolveUrl(hub))).headers.location);

/** The file from the CDN, while faults are in force. */
async function getModel(hub: Hub, faults: Fault | Fault[], asking: Asking = {}): Promise<Got> {
  const url = await cdnUrl(hub);
  hub.misbehave(PATH, faults);
  return get(url, asking);
}

const lastSeen = (hub: Hub) => hub.requests.at(-1);

test("a connection is cut, closed early or reset after so many bytes", async (t) => {
  const hub = await hubFor(t);
  for (const fault of [
    { kind: "cut", after: 100_000 },
    { kind: "short", after: 100_000 },
  ] as const) {
    const { status, headers, body, error } = await getModel(hub, fault);
    assert.deepEqual([status, headers["content-length"], error], [200, "300000", "ECONNRESET"], fault.kind);
    assert.ok(body.equals(MODEL.subarray(0, 100_000)), fault.kind);
    assert.equal(headers.connection, "close");
    assert.deepEqual(hub.rangesSent(PATH).at(-1), [0, 100_000]);
    assert.deepEqual(lastSeen(hub)?.faults, [fault.kind]);
  }
  const { body, error } = await getModel(hub, { kind: "cut", after: 100_000, how: "reset" });
  assert.equal(error, "ECONNRESET");
  assert.ok(body.length <= 100_000 && body.equals(MODEL.subarray(0, body.length)));

  const resumed = await getModel(hub, { kind: "cut", after: 50 }, { range: "bytes=1000-" });
  assert.ok(resumed.body.equals(MODEL.subarray(1000, 1050)));
  assert.deepEqual(hub.rangesSent(PATH).at(-1), [1000, 1050]);
  assert.equal(hub.bytesSent(PATH), 300_050);

  hub.misbehave("*", { kind: "reset" });
  const before = await get(resolveUrl(hub));
  assert.deepEqual([before.status, before.error, lastSeen(hub)?.status], [null, "ECONNRESET", null]);
});

test("silence: before the headers, and behind some bytes", async (t) => {
  const hub = await hubFor(t);
  const stalled = await getModel(hub, { kind: "stall", after: 7 }, { silence: 200 });
  assert.deepEqual([stalled.status, stalled.body.length, stalled.error], [200, 7, "SILENCE"]);
  hub.misbehave("*", { kind: "silent" }, { where: "info" });
  const silent = await get(`${hub.url}/api/models/acme/tiny`, { silence: 200 });
  assert.deepEqual([silent.status, silent.error], [null, "SILENCE"]);
  await until(() => (hub.requests.every(({ ended }) => ended) ? true : null), "the hub to see that the clients left");
});

test("slow, and endless until the client hangs up", async (t) => {
  const hub = await hubFor(t);
  const start = performance.now();
  const slow = await getModel(hub, { kind: "slow", bytes: 60_000, every: 20 });
  assert.ok(slow.body.equals(MODEL));
  assert.ok(performance.now() - start >= 80);

  const url = await cdnUrl(hub);
  hub.misbehave(PATH, { kind: "endless" });
  await new Promise<void>((resolve) => {
    let came = 0;
    const request = httpGet(url, { agent: false }, (response) => {
      assert.equal(response.headers["content-length"], undefined);
      assert.equal(response.headers["transfer-encoding"], "chunked");
      response.on("data", (chunk: Buffer) => {
        came += chunk.length;
        if (came > 2_000_000) request.destroy();
      });
      response.on("error", () => resolve());
    });
  });
  const seen = lastSeen(hub);
  await until(() => (seen?.ended ? true : null), "the hub to stop");
  const sent = seen?.bytes;
  await sleep(50);
  assert.equal(seen?.bytes, sent);
  assert.deepEqual(seen?.sent, [0, MODEL.length]);
});

test("a file that is longer, shorter or other than the tree says", async (t) => {
  const hub = await hubFor(t);
  for (const by of [500, -500]) {
    const { headers, body, error } = await getModel(hub, { kind: "size", by });
    assert.deepEqual(
      [headers["content-length"], body.length, error],
      [String(MODEL.length + by), MODEL.length + by, null],
    );
  }
  const longer = await getModel(hub, { kind: "size", by: 500 }, { range: "bytes=299000-" });
  assert.equal(longer.headers["content-range"], "bytes 299000-300499/300500");
  assert.deepEqual(hub.rangesSent(PATH), [
    [0, 300_000],
    [0, 299_500],
    [299_000, 300_000],
  ]);
  const differing = ({ body }: Got) => [...body.keys()].filter((at) => body[at] !== MODEL[at]);
  assert.deepEqual(differing(await getModel(hub, { kind: "flip" })), [150_000]);
  assert.deepEqual(differing(await getModel(hub, { kind: "flip", at: 3 })), [3]);
  assert.deepEqual(differing(await get(await cdnUrl(hub))), []);
});

test("a Range that is ignored, answered from elsewhere or refused", async (t) => {
  const hub = await hubFor(t);
  const range = "bytes=1000-1999";
  const ignored = await getModel(hub, { kind: "ignoreRange" }, { range });
  assert.deepEqual([ignored.status, ignored.body.length], [200, MODEL.length]);
  const elsewhere = await getModel(hub, { kind: "wrongRange", by: -10 }, { range });
  assert.deepEqual([elsewhere.status, elsewhere.headers["content-range"]], [206, "bytes 990-1999/300000"]);
  assert.ok(elsewhere.body.equals(MODEL.subarray(990, 2000)));
  const refused = await getModel(hub, { kind: "unsatisfiable" }, { range });
  assert.deepEqual([refused.status, refused.headers["content-range"]], [416, "bytes */300000"]);
  const fault = hub.misbehave(PATH, { kind: "ignoreRange" });
  assert.equal((await get(await cdnUrl(hub))).status, 200);
  assert.equal(fault.happened, 0, "a request without a Range does not use it up");
});

test("statuses with Retry-After, a page of HTML, redirects, a loop, other headers", async (t) => {
  const hub = await hubFor(t);
  const date = new Date(0).toUTCString();
  for (const retryAfter of [3, date]) {
    hub.misbehave(PATH, { kind: "status", status: 429, retryAfter });
    const { status, headers } = await get(resolveUrl(hub));
    assert.deepEqual([status, headers["retry-after"]], [429, String(retryAfter)]);
  }
  assert.equal((await getModel(hub, { kind: "status", status: 503 })).status, 503);
  const page = await getModel(hub, { kind: "html" });
  assert.deepEqual([page.status, page.headers["content-type"]], [200, "text/html; charset=utf-8"]);
  assert.deepEqual(hub.rangesSent(PATH), []);

  hub.misbehave("*", { kind: "redirect", to: "http://127.0.0.2:9/elsewhere" });
  const away = await get(resolveUrl(hub));
  assert.deepEqual([away.status, away.headers.location], [302, "http://127.0.0.2:9/elsewhere"]);
  let url = resolveUrl(hub);
  hub.misbehave(PATH, { kind: "loop" });
  for (let turn = 1; turn < 30; turn++) {
    const { status, headers } = await get(url);
    assert.deepEqual([status, headers.location], [302, `/_test/loop/${turn}`]);
    url = new URL(String(headers.location), url).href;
  }
  hub.misbehave(PATH, { kind: "headers", set: { "x-linked-etag": '"wrong"', "X-Linked-Size": null } });
  const { headers } = await get(resolveUrl(hub), { method: "HEAD" });
  assert.deepEqual([headers["x-linked-etag"], headers["x-linked-size"]], ['"wrong"', undefined]);
});

test("JSON that is none, too deep or too large, on the page that is meant", async (t) => {
  const hub = await hubFor(t);
  const tree = `${hub.url}/api/models/acme/tiny/tree/main?recursive=true`;
  hub.misbehave("acme/tiny", { kind: "garbage" }, { skip: 1 });
  const first = await get(tree);
  assert.equal(JSON.parse(String(first.body)).length, 1);
  const second = await get(/^<([^>]+)>/.exec(String(first.headers.link))?.[1] ?? "");
  assert.throws(() => JSON.parse(String(second.body)), SyntaxError);
  hub.misbehave("*", { kind: "deep", levels: 50_000 });
  assert.equal(String((await get(tree)).body), "[".repeat(50_000) + "]".repeat(50_000));
  hub.misbehave("*", { kind: "large", bytes: 1_000_000 });
  const large = await get(tree);
  assert.deepEqual([large.body.length, JSON.parse(String(large.body)).length], [1_000_000, 1]);
  hub.misbehave("*", { kind: "body", body: '{"no":"list"}' }, { where: "tree" });
  assert.equal(String((await get(tree)).body), '{"no":"list"}');
  hub.misbehave("*", { kind: "cut", after: 10 }, { where: "tree" });
  assert.deepEqual([(await get(tree)).body.length, (await get(tree)).status], [10, 200]);
});

test("faults come in their order: once, so many times or always, together, for one method, until told otherwise", async (t) => {
  const hub = await hubFor(t);
  const statuses = async (count: number, asking: Asking = {}) => {
    const got: (number | null)[] = [];
    for (let i = 0; i < count; i++) got.push((await get(resolveUrl(hub), asking)).status);
    return got;
  };
  hub.misbehave(PATH, { kind: "status", status: 500 });
  hub.misbehave("*", { kind: "status", status: 502 }, { times: 2 });
  const always = hub.misbehave("acme/tiny", { kind: "status", status: 503 }, { times: "always", method: "GET" });
  assert.deepEqual(await statuses(5), [500, 502, 502, 503, 503]);
  assert.deepEqual(await statuses(1, { method: "HEAD" }), [302]);
  assert.equal(always.happened, 2);
  always.stop();
  assert.deepEqual(await statuses(1), [302]);
  hub.misbehave("*", { kind: "status", status: 504 }, { times: "always" });
  hub.behave();
  assert.deepEqual(await statuses(1), [302]);
  const both = await getModel(hub, [
    { kind: "flip", at: 0 },
    { kind: "short", after: 10 },
  ]);
  assert.deepEqual([both.body.length, both.body[0] === MODEL[0]], [10, false]);
});

test("a server that refuses connections, and listens again on its port", async (t) => {
  const hub = await hubFor(t);
  const url = await cdnUrl(hub);
  await hub.refuse("cdn");
  assert.equal((await get(url)).error, "ECONNREFUSED");
  assert.equal((await get(resolveUrl(hub))).status, 302);
  await hub.accept("cdn");
  assert.equal((await get(url)).status, 200);
});

test("what a client does not read is not counted as sent, but for what the kernel holds", async (t) => {
  const size = 64 * 2 ** 20;
  const hub = await startHub({ repos: { "acme/tiny": { files: { [PATH]: Buffer.alloc(size) }, lfs: [PATH] } } });
  t.after(() => hub.close());
  const { port, pathname, search } = new URL(await cdnUrl(hub));
  const socket = connect(Number(port), "127.0.0.1");
  socket.pause().write(`GET ${pathname}${search} HTTP/1.1\r\nHost: cdn\r\n\r\n`);
  let before = -1;
  const settled = async () => {
    const now = hub.bytesSent(PATH);
    if (now > 0 && now === before) return now;
    before = now;
    await sleep(100);
    return null;
  };
  const sent = await until(settled, "the kernel to take no more");
  assert.ok(sent < size / 2, `${sent} of ${size} bytes`);
  socket.destroy();
  await until(() => (lastSeen(hub)?.ended ? true : null), "the hub to stop");
  assert.equal(hub.bytesSent(PATH), sent);
});

test("closing ends what still hangs", { timeout: 10_000 }, async () => {
  const hub = await startHub({ repos: { "acme/tiny": { files: { [PATH]: MODEL }, lfs: [PATH] } } });
  const urls = await Promise.all([cdnUrl(hub), cdnUrl(hub), cdnUrl(hub)]);
  hub.misbehave(PATH, { kind: "stall", after: 5 });
  hub.misbehave(PATH, { kind: "slow", bytes: 1, every: 60_000 });
  hub.misbehave(PATH, { kind: "endless" });
  const idle = connect(Number(new URL(hub.url).port), "127.0.0.1");
  const ended = new Promise((resolve) => idle.once("close", resolve));
  const hanging = urls.map((url) => get(url));
  const answering = () => hub.requests.filter(({ host, bytes }) => host === "cdn" && bytes > 0);
  await until(() => (answering().length === 3 ? true : null), "three answers");
  await hub.close();
  for (const { error } of await Promise.all(hanging)) assert.equal(error, "ECONNRESET");
  await ended;
  await hub.close();
});
