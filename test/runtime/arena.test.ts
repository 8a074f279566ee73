import assert from "node:assert/strict";
import { test } from "node:test";
import { openArena } from "../../dist/runtime/simulated/arena.js";
import { between, seeded } from "./lib/random.ts";

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** A device of so many bytes, and what was taken of it, in order. */
function device(bytes: number) {
  const taken: number[] = [];
  const take = (wanted: number) => {
    if (taken.reduce((sum, one) => sum + one, 0) + wanted > bytes) return false;
    taken.push(wanted);
    return true;
  };
  return { taken, take };
}

test("it grows by powers of two, each step twice the one before, up to a gibibyte", () => {
  const { taken, take } = device(100 * GIB);
  const arena = openArena(take);
  for (let i = 0; i < 3000; i++) arena.allocate(MIB);
  assert.deepEqual(
    taken.map((bytes) => bytes / MIB),
    [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1024],
  );
});

test("a buffer larger than the next step takes the power of two that holds it, also above a gibibyte", () => {
  const { taken, take } = device(100 * GIB);
  const arena = openArena(take);
  arena.allocate(100 * MIB);
  arena.allocate(3 * GIB);
  arena.allocate(100 * MIB);
  assert.deepEqual(taken, [128 * MIB, 4 * GIB]);
});

test("where the device has less than a step, it takes what fits, down to the buffer's own size, and then fails", () => {
  const { taken, take } = device(1000 * MIB);
  const arena = openArena(take);
  arena.allocate(600 * MIB);
  assert.equal(taken.length, 1);
  assert.ok((taken[0] as number) >= 600 * MIB && (taken[0] as number) <= 1000 * MIB);
  assert.throws(() => arena.allocate(900 * MIB), /Failed to allocate memory for requested buffer of size 943718400$/);
  arena.allocate(256);
});

test("whatever is asked of it: it holds what it has handed out, takes no more than there is, and never shrinks", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const next = seeded(seed);
    const memory = between(next, 1, 4000) * MIB;
    const { taken, take } = device(memory);
    const arena = openArena(take);
    let held = 0;
    for (let batch = 0; batch < 20; batch++) {
      const buffers = Array.from({ length: between(next, 1, 12) }, () => Math.ceil(next() ** 4 * 2 * GIB));
      let sum = 0;
      try {
        for (const bytes of buffers) {
          arena.allocate(bytes);
          sum += bytes;
        }
      } catch (error) {
        assert.match((error as Error).message, /Failed to allocate memory for requested buffer of size \d+$/);
      }
      assert.ok(arena.usedBytes >= sum && arena.usedBytes <= sum + 256 * 12);
      assert.ok(arena.heldBytes >= arena.usedBytes && arena.heldBytes >= held && arena.heldBytes <= memory);
      assert.equal(
        arena.heldBytes,
        taken.reduce((total, one) => total + one, 0),
      );
      held = arena.heldBytes;
      arena.reset();
      assert.equal(arena.usedBytes, 0);
      const before = taken.length;
      for (const bytes of buffers.slice(0, 1)) if (bytes <= Math.max(0, ...taken)) arena.allocate(bytes);
      assert.equal(taken.length, before, "what was given back is handed out again");
      arena.reset();
    }
  }
});
