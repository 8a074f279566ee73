import type { SetBy } from "../schema/lineage-types.js";
import type { LocatedModel, ModelRole } from "../schema/model-types.js";
import type { Provenance, Settings } from "../schema/settings-types.js";

/** A stage's own default. */
export const byDefault: SetBy = { source: "default", settings: [] };

/** The stage's own option. */
export const byStage: SetBy = { source: "call", settings: [] };

/** A model's row, or its files. */
export const byModel: SetBy = { source: "model", settings: [] };

/** What the session's settings decide. */
export function bySession(provenance: Provenance, ...names: readonly (keyof Settings)[]): SetBy {
  const sources = new Set(names.map((name) => provenance[name].source));
  return { source: [...sources].join(", "), settings: names };
}

/** The stage's own option where it was given, else `otherwise`. */
export function byCall(option: unknown, otherwise: SetBy): SetBy {
  return (option ?? null) === null ? otherwise : byStage;
}

/** One setter for every one of several names. */
export function allBy(names: readonly string[], setter: SetBy): Record<string, SetBy> {
  return Object.fromEntries(names.map((name) => [name, setter]));
}

/** The settings that name the models of each role. */
const naming: Readonly<Record<ModelRole, readonly (keyof Settings)[]>> = {
  dense: ["dense"],
  sparse: ["sparse", "enableSparse"],
  rerank: ["rerank", "enableRerank"],
};

/** Who named models of several roles: the session, each by the setting of its role. */
export function modelsSetBy(provenance: Provenance, models: readonly LocatedModel[]): Record<string, SetBy> {
  return Object.fromEntries(models.map(({ card }) => [card.key, bySession(provenance, ...naming[card.role])]));
}
