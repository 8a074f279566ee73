import { test } from "node:test";
import { disturbedJourney, planKills, undisturbedJourney } from "../lib/faults/journey.ts";
import { random } from "../lib/random.ts";
import { corpusOf, smallCorpus } from "../lib/sample.ts";

const CUTS = 16;
/** Another one each time; the same cuts again with `RAG_TEST_SEED`. */
const seed = Number(process.env["RAG_TEST_SEED"] ?? Date.now() % 1_000_000);

test(`${CUTS} power cuts: what was counted is durable, what is half-written is not taken for whole`, async (t) => {
  t.diagnostic(`RAG_TEST_SEED=${seed}`);
  const corpus = await corpusOf(smallCorpus);
  const undisturbed = await undisturbedJourney(corpus);
  const next = random(seed);
  // Once nothing but what was synced is left, once some of the rest as well: both are lawful.
  const journeys = [null, seed].map((chance) => ({
    kills: planKills(undisturbed, CUTS / 2, ["notebook"], next),
    power: { seed: chance },
  }));
  const again = await Promise.all(
    journeys.map(({ kills, power }) => disturbedJourney(corpus, kills, undisturbed, power)),
  );
  t.diagnostic(`${CUTS} cuts, ${again.reduce((sum, n) => sum + n, 0)} batches computed again`);
});
