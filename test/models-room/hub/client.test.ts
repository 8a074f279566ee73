/** The hub's own client for Python downloads from the test hub: so the test hub speaks as the real one does. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, test } from "node:test";
import { lacking, python } from "../../lib/python.ts";
import { tempRoot } from "../folder.ts";
import { bytesOf } from "./repos.ts";
import type { HubOptions } from "./routes.ts";
import { type Hub, startHub } from "./server.ts";

const MODEL = bytesOf({ bytes: 300_000, seed: 1 });
const FILES = { "config.json": "{}", "onnx/model.onnx": MODEL, "onnx/notes.txt": "small", "vocab.txt": "a\nb\n" };
const TINY = { files: FILES, lfs: ["onnx/model.onnx"] };
const snapshot = join(import.meta.dirname, "../../python/download_snapshot.py");

/** What the client made of it. Its environment leads to nothing but the test hub. */
async function download(hub: Hub, cache: string, token?: string): Promise<{ folder?: string; error?: string }> {
  const child = spawn(python, [snapshot, "acme/tiny", hub.url, cache, ...(token === undefined ? [] : [token])], {
    env: {
      PATH: process.env.PATH,
      HF_HOME: join(cache, "home"),
      HF_ENDPOINT: hub.url,
      HF_HUB_DISABLE_XET: "1",
      HF_HUB_DISABLE_TELEMETRY: "1",
      HF_HUB_DISABLE_PROGRESS_BARS: "1",
      NO_PROXY: "127.0.0.1",
    },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 60_000,
  });
  const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  assert.notEqual(out, "", errors);
  return JSON.parse(out) as { folder?: string; error?: string };
}

async function withHub(options: Partial<HubOptions>, check: (hub: Hub) => Promise<void>): Promise<void> {
  const hub = await startHub({ repos: { "acme/tiny": TINY }, ...options });
  try {
    await check(hub);
  } finally {
    await hub.close();
  }
}

describe("huggingface_hub's snapshot_download from the test hub", { skip: lacking("huggingface_hub") }, () => {
  for (const options of [{}, { relativeRedirect: false, pageSize: 2 }, { gzip: true }]) {
    test(`lays out the right bytes in its cache: ${JSON.stringify(options)}`, () =>
      withHub(options, async (hub) => {
        const cache = tempRoot();
        const { folder, error } = await download(hub, cache);
        assert.equal(error, undefined);
        const repository = join(cache, "models--acme--tiny");
        assert.equal(folder, join(repository, "snapshots", hub.commit("acme/tiny")));
        for (const [path, content] of Object.entries(FILES)) {
          const file = join(String(folder), path);
          assert.ok(readFileSync(file).equals(Buffer.from(content)), path);
          assert.equal(realpathSync(file), realpathSync(join(repository, "blobs", hub.oid("acme/tiny", path))));
          assert.equal(hub.bytesSent(path), content.length);
        }
        assert.equal(readdirSync(join(repository, "blobs")).length, 4);
        assert.equal(readFileSync(join(repository, "refs/main"), "utf8"), hub.commit("acme/tiny"));
      }));
  }

  test("resumes a download that was cut, and follows main to its next commit", async () => {
    // The client writes in chunks of 10 MiB: only what it has written does it not ask for again.
    const chunk = 10 * 2 ** 20;
    const model = bytesOf({ bytes: chunk + 300_000, seed: 2 });
    const repo = { files: { ...FILES, "onnx/model.onnx": model }, lfs: TINY.lfs };
    await withHub({ repos: { "acme/tiny": repo } }, async (hub) => {
      const cache = tempRoot();
      hub.misbehave("onnx/model.onnx", { kind: "short", after: chunk + 100_000 });
      const first = await download(hub, cache);
      assert.ok(readFileSync(join(String(first.folder), "onnx/model.onnx")).equals(model));
      const sent = [
        [0, chunk + 100_000],
        [chunk, model.length],
      ];
      assert.deepEqual(hub.rangesSent("onnx/model.onnx"), sent);
      const commit = hub.push("acme/tiny", { "config.json": '{"new":1}' });
      const second = await download(hub, cache);
      assert.ok(second.folder?.endsWith(commit));
      assert.deepEqual(hub.rangesSent("onnx/model.onnx"), sent);
    });
  });

  test("names the errors as it does those of the real hub, and keeps a token from the CDN", () =>
    withHub({ repos: { "acme/tiny": { ...TINY, gatedBy: "secret" } } }, async (hub) => {
      const cache = tempRoot();
      assert.deepEqual(await download(hub, cache), { error: "GatedRepoError" });
      assert.ok((await download(hub, cache, "secret")).folder);
      const tokens = (host: string) =>
        new Set(hub.requests.filter((seen) => seen.host === host).map(({ authorization }) => authorization));
      assert.deepEqual(tokens("hub"), new Set([null, "Bearer secret"]));
      assert.deepEqual(tokens("cdn"), new Set([null]));
      await withHub({ repos: {} }, async (empty) => {
        assert.deepEqual(await download(empty, tempRoot()), { error: "RepositoryNotFoundError" });
      });
    }));
});
