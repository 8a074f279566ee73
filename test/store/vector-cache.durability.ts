import { test } from "node:test";
import { surviveFlips } from "./lib/flips.ts";

test("random bytes of a vector cache flipped, 60 times: never a wrong vector, never an error, and it heals", (t) =>
  surviveFlips(t, 60));
