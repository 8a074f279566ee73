import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { type TestContext, test } from "node:test";
import { gitOid } from "./repos.ts";
import type { HubOptions } from "./routes.ts";
import { type Hub, startHub } from "./server.ts";

const sha256 = (bytes: string | Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const CONFIG = '{"model_type":"bert"}';
const MODEL = Buffer.from(Array.from({ length: 1000 }, (_, i) => i % 251));
const FILES = { "config.json": CONFIG, "onnx/model.onnx": MODEL, "onnx/deep/notes.txt": "small" };
const TINY = { files: FILES, lfs: ["onnx/model.onnx"] };

async function hubFor(t: TestContext, options: Partial<HubOptions> = {}): Promise<Hub> {
  const hub = await startHub({ repos: { "acme/tiny": TINY }, ...options });
  t.after(() => hub.close());
  return hub;
}

/** A fetch that follows nothing and gives up. */
function get(url: string, headers: Record<string, string> = {}, method = "GET"): Promise<Response> {
  return fetch(url, { method, headers, redirect: "manual", signal: AbortSignal.timeout(10_000) });
}

interface Entry {
  readonly type: string;
  readonly path: string;
  readonly oid: string;
  readonly size: number;
  readonly lfs?: { readonly oid: string; readonly size: number; readonly pointerSize: number };
}

interface Info {
  readonly id: string;
  readonly sha: string;
  readonly gated: unknown;
  readonly private: unknown;
  readonly siblings: readonly { readonly rfilename: string }[];
}

test("a repository's commit and files, of main and of a commit", async (t) => {
  const hub = await hubFor(t);
  const first = hub.commit("acme/tiny");
  assert.match(first, /^[0-9a-f]{40}$/);
  const info = async (path: string) => (await (await get(hub.url + path)).json()) as Info;
  const { id, sha, gated, siblings, ...rest } = await info("/api/models/acme/tiny");
  assert.deepEqual([id, sha, gated, rest.private], ["acme/tiny", first, false, false]);
  assert.deepEqual(
    siblings,
    Object.keys(FILES)
      .sort()
      .map((rfilename) => ({ rfilename })),
  );
  const second = hub.push("acme/tiny", { "config.json": null, "new.txt": "new" });
  assert.notEqual(second, first);
  const names = async (revision: string) => {
    const answer = await info(`/api/models/acme/tiny/revision/${revision}?blobs=true`);
    return [answer.sha, answer.siblings.map(({ rfilename }) => rfilename)];
  };
  assert.deepEqual(await names("main"), [second, ["new.txt", "onnx/deep/notes.txt", "onnx/model.onnx"]]);
  assert.deepEqual(await names(first), [first, Object.keys(FILES).sort()]);
});

test("the tree: directories, hashes as git and LFS make them, pages behind Link", async (t) => {
  const hub = await hubFor(t, { pageSize: 2 });
  const entries: Entry[] = [];
  const pages: number[] = [];
  let next: string | undefined = `${hub.url}/api/models/acme/tiny/tree/main?recursive=true&limit=100`;
  while (next !== undefined) {
    const response = await get(next);
    const page = (await response.json()) as Entry[];
    pages.push(page.length);
    entries.push(...page);
    next = /^<([^>]+)>; rel="next"$/.exec(response.headers.get("link") ?? "")?.[1];
  }
  assert.deepEqual(pages, [2, 2, 1]);
  assert.deepEqual(
    entries.map(({ type, path }) => [type, path]),
    [
      ["file", "config.json"],
      ["directory", "onnx"],
      ["directory", "onnx/deep"],
      ["file", "onnx/deep/notes.txt"],
      ["file", "onnx/model.onnx"],
    ],
  );
  // What git hash-object says of these bytes.
  assert.equal(gitOid(Buffer.from("hello\n")), "ce013625030ba8dba906f756967f9e9ca394464a");
  assert.deepEqual([entries[0]?.oid, entries[0]?.size], [gitOid(Buffer.from(CONFIG)), CONFIG.length]);
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256(MODEL)}\nsize 1000\n`;
  assert.deepEqual(entries[4]?.lfs, { oid: sha256(MODEL), size: 1000, pointerSize: pointer.length });
  assert.equal(entries[4]?.oid, gitOid(Buffer.from(pointer)));

  const below = (await (await get(`${hub.url}/api/models/acme/tiny/tree/main/onnx`)).json()) as Entry[];
  assert.deepEqual(
    below.map(({ path }) => path),
    ["onnx/deep", "onnx/model.onnx"],
  );
});

test("a small file is a relative 307 away, or served at once", async (t) => {
  const hub = await hubFor(t);
  const etag = `"${gitOid(Buffer.from(CONFIG))}"`;
  for (const method of ["HEAD", "GET"]) {
    const moved = await get(`${hub.url}/acme/tiny/resolve/main/config.json`, {}, method);
    assert.equal(moved.status, 307);
    assert.equal(moved.headers.get("x-repo-commit"), hub.commit("acme/tiny"));
    assert.equal(moved.headers.get("x-linked-etag"), etag);
    const to = moved.headers.get("location") ?? "";
    assert.match(to, /^\/api\/resolve-cache\/models\/acme\/tiny\/[0-9a-f]{40}\/config\.json\?/);
    const response = await get(hub.url + to, {}, method);
    const [commit, tag, length] = ["x-repo-commit", "etag", "content-length"].map((name) => response.headers.get(name));
    assert.deepEqual([commit, tag, length], [hub.commit("acme/tiny"), etag, String(CONFIG.length)]);
    assert.equal(response.headers.get("accept-ranges"), "bytes");
    assert.equal(await response.text(), method === "GET" ? CONFIG : "");
    assert.equal((await get(hub.url + to, { "If-None-Match": etag }, method)).status, 304);
  }
  assert.deepEqual(hub.rangesSent("config.json"), [[0, CONFIG.length]]);

  const direct = await hubFor(t, { relativeRedirect: false });
  const response = await get(`${direct.url}/acme/tiny/resolve/main/config.json`, { Range: "bytes=2-4" });
  assert.deepEqual([response.status, await response.text()], [206, CONFIG.slice(2, 5)]);
});

test("an LFS file is a 302 away on another origin, with a signature and an ETag of its own", async (t) => {
  const hub = await hubFor(t);
  const resolve = `${hub.url}/acme/tiny/resolve/${hub.commit("acme/tiny")}/onnx/model.onnx`;
  const moved = await get(resolve, {}, "HEAD");
  assert.equal(moved.status, 302);
  assert.equal(moved.headers.get("x-linked-etag"), `"${sha256(MODEL)}"`);
  assert.equal(moved.headers.get("x-linked-size"), "1000");
  const to = moved.headers.get("location") ?? "";
  assert.equal(new URL(to).origin, hub.cdnUrl);
  assert.notEqual(new URL(to).origin, new URL(hub.url).origin);
  assert.notEqual((await get(resolve)).headers.get("location"), to, "each address has a signature of its own");

  const whole = await get(to);
  assert.deepEqual(Buffer.from(await whole.arrayBuffer()), MODEL);
  assert.equal(whole.headers.get("x-repo-commit"), null);
  const etag = whole.headers.get("etag") ?? "";
  assert.ok(etag !== "" && !etag.includes(sha256(MODEL)));
  assert.equal((await get(to.replace(/Signature=.*/, ""))).status, 403);

  const part = async (range: string, more: Record<string, string> = {}) => {
    const response = await get(to, { Range: range, ...more });
    return [response.status, response.headers.get("content-range"), (await response.bytes()).length];
  };
  assert.deepEqual(await part("bytes=100-199"), [206, "bytes 100-199/1000", 100]);
  assert.deepEqual(await part("bytes=990-"), [206, "bytes 990-999/1000", 10]);
  assert.deepEqual(await part("bytes=-5"), [206, "bytes 995-999/1000", 5]);
  assert.deepEqual(await part("bytes=0-9999"), [206, "bytes 0-999/1000", 1000]);
  assert.deepEqual((await part("bytes=1000-")).slice(0, 2), [416, "bytes */1000"]);
  assert.deepEqual(await part("lines=1-2"), [200, null, 1000]);
  assert.deepEqual(await part("bytes=5-", { "If-Range": etag }), [206, "bytes 5-999/1000", 995]);
  assert.deepEqual(await part("bytes=5-", { "If-Range": '"another"' }), [200, null, 1000]);
  assert.deepEqual(hub.rangesSent("onnx/model.onnx").slice(0, 3), [
    [0, 1000],
    [100, 200],
    [990, 1000],
  ]);
});

test("what is not there says which of the three it is", async (t) => {
  const hub = await hubFor(t);
  const none = "0".repeat(40);
  for (const [path, code, commit] of [
    ["/api/models/acme/none", "RepoNotFound", null],
    ["/acme/none/resolve/main/config.json", "RepoNotFound", null],
    ["/api/models/acme/tiny/revision/other", "RevisionNotFound", null],
    [`/api/models/acme/tiny/tree/${none}`, "RevisionNotFound", null],
    [`/acme/tiny/resolve/${none}/config.json`, "RevisionNotFound", null],
    ["/acme/tiny/resolve/main/none.json", "EntryNotFound", hub.commit("acme/tiny")],
  ] as const) {
    const { status, headers } = await get(hub.url + path);
    assert.deepEqual([status, headers.get("x-error-code"), headers.get("x-repo-commit")], [404, code, commit], path);
    assert.ok(headers.get("x-error-message"), path);
  }
  assert.equal((await get(`${hub.url}/elsewhere`)).status, 404);
  const anonymous = await get(`${(await hubFor(t, { unknownRepo: 401 })).url}/api/models/acme/none`);
  assert.deepEqual([anonymous.status, anonymous.headers.get("x-error-code")], [401, null]);
});

test("a gate closes the files to who has no token or a wrong one, and the API where it shall", async (t) => {
  const repos = { "acme/tiny": { ...TINY, gatedBy: "secret" } };
  const hub = await hubFor(t, { repos });
  const asks = async (path: string, token?: string) => {
    const { status, headers } = await get(
      hub.url + path,
      token === undefined ? {} : { Authorization: `Bearer ${token}` },
    );
    return [status, headers.get("x-error-code")];
  };
  const model = "/acme/tiny/resolve/main/onnx/model.onnx";
  assert.deepEqual(await asks(model), [401, "GatedRepo"]);
  assert.deepEqual(await asks(model, "wrong"), [403, "GatedRepo"]);
  assert.deepEqual(await asks(model, "secret"), [302, null]);
  assert.deepEqual(await asks("/api/models/acme/tiny"), [200, null]);
  assert.deepEqual(
    hub.requests.map(({ authorization }) => authorization),
    [null, "Bearer wrong", "Bearer secret", null],
  );
  const closed = await hubFor(t, { repos, gateApi: true });
  assert.equal((await get(`${closed.url}/api/models/acme/tiny/tree/main`)).status, 401);
});

test("small files come in gzip to who takes it, without a length", async (t) => {
  const hub = await hubFor(t, { gzip: true, relativeRedirect: false });
  const url = `${hub.url}/acme/tiny/resolve/main/config.json`;
  const packed = await get(url, { "Accept-Encoding": "gzip", Range: "bytes=3-" });
  assert.deepEqual([packed.status, packed.headers.get("content-encoding")], [200, "gzip"]);
  assert.equal(packed.headers.get("content-length"), null);
  assert.equal(await packed.text(), CONFIG);
  const plain = await get(url, { "Accept-Encoding": "identity", Range: "bytes=3-" });
  assert.deepEqual([plain.status, await plain.text()], [206, CONFIG.slice(3)]);
  assert.deepEqual(hub.rangesSent("config.json"), [
    [0, CONFIG.length],
    [3, CONFIG.length],
  ]);
});
