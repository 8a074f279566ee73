import { test } from "node:test";
import { disturbedJourney, planKills, undisturbedJourney } from "../lib/faults/journey.ts";
import { random } from "../lib/random.ts";
import { corpusOf, smallCorpus } from "../lib/sample.ts";

const KILLS = 50;
const KILLS_A_JOURNEY = 10;
/** Another one each time; the same kills again with `RAG_TEST_SEED`. */
const seed = Number(process.env["RAG_TEST_SEED"] ?? Date.now() % 1_000_000);

test(`${KILLS} kills at random points of all stages: each is gone on from, and the artefacts are byte-identical`, async (t) => {
  t.diagnostic(`RAG_TEST_SEED=${seed}`);
  const corpus = await corpusOf(smallCorpus);
  const undisturbed = await undisturbedJourney(corpus);
  const next = random(seed);
  const plans = Array.from({ length: KILLS / KILLS_A_JOURNEY }, () =>
    planKills(undisturbed, KILLS_A_JOURNEY, ["notebook", "inference", "both"], next),
  );
  let again = 0;
  const lane = async () => {
    for (let kills = plans.pop(); kills; kills = plans.pop())
      again += await disturbedJourney(corpus, kills, undisturbed);
  };
  await Promise.all([lane(), lane()]);
  t.diagnostic(`${KILLS} kills, ${again} batches computed again`);
});
