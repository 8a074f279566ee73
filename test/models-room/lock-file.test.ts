import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { extendLock } from "../../dist/models/lock-file.js";
import { parseModelsLock } from "../../dist/schema/models-lock.js";
import { tempRoot } from "./folder.ts";

const [A, B] = ["a".repeat(40), "b".repeat(40)];
const file = (digit: string) => ({ bytes: 1, sha256: digit.repeat(64) });
const model = (revision: string | null, ...paths: string[]) => ({
  revision,
  licence: "MIT",
  files: Object.fromEntries(paths.map((path, i) => [path, file(String(i))])),
});

function lockAt(path: string) {
  const parsed = parseModelsLock(readFileSync(path, "utf8"));
  assert.ok(parsed.ok, JSON.stringify(parsed));
  return parsed.lock.models["acme/tiny"];
}

test("files of the same commit, or of none that is known, are added; another commit takes the place", async () => {
  const path = join(tempRoot(), "deep", "models.lock.json");
  assert.ok(await extendLock(path, { "acme/tiny": model(A, "one", "two") }));
  assert.ok(await extendLock(path, { "acme/tiny": model(null, "three") }));
  assert.equal(lockAt(path)?.revision, A, "what a folder without a commit adds does not lose the pin");
  assert.deepEqual(Object.keys(lockAt(path)?.files ?? {}), ["one", "three", "two"]);
  assert.ok(!(await extendLock(path, { "acme/tiny": model(A, "one") })), "nothing is new");
  assert.ok(await extendLock(path, { "acme/tiny": model(B, "one") }));
  assert.deepEqual([lockAt(path)?.revision, Object.keys(lockAt(path)?.files ?? {})], [B, ["one"]]);
  assert.ok(await extendLock(path, { "acme/tiny": model(null, "two") }, true));
  assert.deepEqual([lockAt(path)?.revision, Object.keys(lockAt(path)?.files ?? {})], [null, ["two"]]);
});

test("a commit that is learned later stands beside what was found before", async () => {
  const path = join(tempRoot(), "models.lock.json");
  await extendLock(path, { "acme/tiny": model(null, "one", "two") });
  await extendLock(path, { "acme/tiny": model(A, "three") });
  assert.deepEqual([lockAt(path)?.revision, Object.keys(lockAt(path)?.files ?? {})], [A, ["one", "three", "two"]]);
});
