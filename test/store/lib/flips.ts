import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import type { TestContext } from "node:test";
import { openVectorCache } from "../../../dist/store/vector-cache.js";
import { random } from "../../lib/random.ts";
import { filled, hashesOf, look, options, place, rowsOf, space, taken } from "./cache-rows.ts";

/** Flips random bytes of a cache's file, round after round: what it gives is right, it throws nothing, and what is kept again is whole. */
export async function surviveFlips(t: TestContext, rounds: number): Promise<void> {
  const next = random(11);
  const model = await place();
  await filled(model, 400);
  const whole = await readFile(model);
  const seen = new Map<string, number>();
  let [lost, passes] = [0, 0];
  for (let round = 0; round < rounds; round++) {
    const path = await place();
    const damaged = Buffer.from(whole);
    const flips = 1 + Math.floor(next() * 40);
    for (let i = 0; i < flips; i++) {
      // Every third round aims at the header and the schema.
      const at = Math.floor(next() * (round % 3 === 0 ? 8192 : damaged.length));
      damaged[at] = (damaged[at] as number) ^ (1 + Math.floor(next() * 255));
    }
    await writeFile(path, damaged);
    const first = await look(path, 0, 400);
    lost += 400 - first.found;
    for (const code of first.codes) seen.set(code, (seen.get(code) ?? 0) + 1);
    if (first.codes.includes("vector_cache_unavailable")) continue; // Its header says another program or version: not ours to heal.
    // A torn tree may swallow a row unseen, or be found only when a pass goes through that page again: then it is begun anew.
    let held = 0;
    for (let pass = 0; pass < 4 && held < 400; pass++) {
      const cache = openVectorCache(options(path));
      await cache.space(space).keep(hashesOf(0, 400), rowsOf(0, 400));
      held = await taken(cache, 0, 400);
      await cache.close();
      passes = Math.max(passes, pass + 1);
    }
    assert.equal(held, 400, `round ${round}`);
  }
  t.diagnostic(
    `${lost} of ${rounds * 400} rows lost, whole again after at most ${passes} passes; notes: ${JSON.stringify([...seen])}`,
  );
  assert.ok(
    lost > 0 && (seen.get("vector_cache_damaged") ?? 0) > 0 && (seen.get("vector_cache_rows_damaged") ?? 0) > 0,
  );
}
