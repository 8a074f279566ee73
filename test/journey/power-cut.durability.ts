import { test } from "node:test";
import { disturbedJourney, inOrder, planKills, undisturbedJourney } from "../lib/faults/journey.ts";
import type { Kill } from "../lib/faults/kill.ts";
import { random } from "../lib/random.ts";
import { corpusOf, smallCorpus } from "../lib/sample.ts";

const CUTS = 16;
/** Right behind the first line of the history, which nothing after it makes durable by chance. */
const early: Kill = { cell: "prime", victim: "notebook", at: "operation", number: 10_000, moment: "after" };
/** Another one each time; the same cuts again with `RAG_TEST_SEED`. */
const seed = Number(process.env["RAG_TEST_SEED"] ?? Date.now() % 1_000_000);

test(`${CUTS} power cuts: what was counted is durable, what is half-written is not taken for whole`, async (t) => {
  t.diagnostic(`RAG_TEST_SEED=${seed}`);
  const corpus = await corpusOf(smallCorpus);
  const undisturbed = await undisturbedJourney(corpus);
  const next = random(seed);
  // Once nothing but what was synced is left, once some of the rest as well: both are lawful.
  const journeys = [null, seed].map((chance) => ({
    kills: [early, ...planKills(undisturbed, CUTS / 2 - 1, ["notebook"], next)].sort(inOrder),
    power: { seed: chance },
  }));
  const again = await Promise.all(
    journeys.map(({ kills, power }) => disturbedJourney(corpus, kills, undisturbed, power)),
  );
  t.diagnostic(`${CUTS} cuts, ${again.reduce((sum, n) => sum + n, 0)} batches computed again`);
});
