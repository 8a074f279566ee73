import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ENCODER_VERSION } from "../../dist/runtime/encoder-version.js";
import { root } from "../lib/sample.ts";

test("vectors that are kept say which libraries made them: an upgrade needs another version here", () => {
  const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  for (const name of ["onnxruntime-node", "@huggingface/tokenizers"]) {
    assert.match(dependencies[name], /^\d+\.\d+\.\d+$/);
    assert.ok(ENCODER_VERSION.split(" ").includes(`${name}@${dependencies[name]}`), `${name} ${dependencies[name]}`);
  }
});
