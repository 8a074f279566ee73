import type { Care } from "../care/care.js";
import { cardOf, type Showable } from "../charts/card.js";
import { withLeft } from "../charts/card-left.js";
import { sessionCard } from "../charts/card-session.js";
import { withMarks, withoutMarks } from "../charts/card-stale.js";
import type { Card } from "../charts/card-types.js";
import { liveCard, prepareCard } from "../charts/present.js";
import type { AnyRun, QuerySet, RunOf, Skipped, StageName } from "../schema/types.js";
import { sessionDirOf } from "../store/layout.js";
import type { StoredRun } from "../store/runs.js";
import { contextIn, type Session, type SessionContext } from "./context.js";

/** Most time that a card may spend on reading documents that look other than they did. */
const CARD_MS = 25;

/** A stored run as the operator holds it, with its card. */
export async function present<K extends StageName>(
  context: SessionContext,
  stage: K,
  stored: StoredRun<K>,
  reused: boolean,
  inMemory: Partial<RunOf[K]> = {},
): Promise<RunOf[K]> {
  const dir = context.store.layout.runDir(stage, stored.id);
  const run = { ...stored, session: context.session.name, dir, reused, ...inMemory } as unknown as RunOf[K];
  await prepareCard(run, await cardNow(run));
  return run;
}

/** A run's card, with what is stale in its session now. Marks that can't be made cost a line of the card, never a result. */
export async function cardNow(run: AnyRun): Promise<Card> {
  const context = contextIn(sessionDirOf(run.dir));
  if (!context) return cardOf(run);
  const { care, lineage } = context;
  care.tick();
  try {
    return withLeft(withMarks(cardOf(run), run, await lineage.standings({ hashMs: CARD_MS })), care.status());
  } catch (error) {
    return withLeft(withoutMarks(cardOf(run), error), care.status());
  }
}

/** A value that is no run, with its card, or with another than its kind has. */
export async function withCard<T extends Exclude<Showable, AnyRun | Skipped | QuerySet>>(
  value: T,
  card: Card = cardOf(value),
): Promise<T> {
  await prepareCard(value, card);
  return value;
}

/** Gives a session its card, which says what is left whenever it is looked at. */
export function withSessionCard(session: Session, care: Care): Session {
  return liveCard(session, () => sessionCard(session, care.status()));
}

/** The value of a stage that is switched off, with its card. */
export async function skipped(stage: Skipped["stage"], source: string): Promise<Skipped> {
  const value: Skipped = { kind: "skipped", stage, reason: "feature_disabled", source };
  await prepareCard(value);
  return value;
}
