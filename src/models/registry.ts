import { badModelRow, unknownModel, wrongRole } from "../core/errors.js";
import { parseModelCard } from "../schema/model-card.js";
import type { ModelCard, ModelRole } from "../schema/model-types.js";
import { type Named, nearNames } from "./near.js";
import { otherNames, registryRows } from "./registry-data.js";

/**
 * The known rows and the operator's: an added row of the same key takes the place
 * of the known one.
 *
 * @throws RagError `bad_model_row` (the field and the rule), also when a key is added twice
 */
export function modelRows(added: readonly unknown[]): readonly ModelCard[] {
  if (!Array.isArray(added)) throw badModelRow(added, "addModels takes an array of rows");
  const rows = new Map(registryRows.map((row) => [row.key, row]));
  const seen = new Set<string>();
  for (const value of added) {
    const parsed = parseModelCard(value);
    if (!parsed.ok) throw badModelRow((value as { key?: unknown } | null)?.key ?? value, parsed.problem);
    if (seen.has(parsed.card.key)) throw badModelRow(parsed.card.key, "two added rows have this key");
    seen.add(parsed.card.key);
    rows.set(parsed.card.key, parsed.card);
  }
  return [...rows.values()];
}

/**
 * The row a name stands for: its key, else without regard to case its key, its
 * hub id, or another name it is known by.
 *
 * @param role prefer rows of this role, and accept no other
 * @throws RagError `unknown_model` (names the near ones), `wrong_role`
 */
export function findModel(name: string, role?: ModelRole, rows: readonly ModelCard[] = registryRows): ModelCard {
  const wanted = String(name).toLowerCase();
  const named = rows.filter((row) => namesOf(row).some((other) => other.toLowerCase() === wanted));
  const exact = named.filter((row) => row.key === name);
  const found = exact.length > 0 ? exact : named;
  const fit = found.find((row) => role === undefined || row.role === role);
  if (fit) return fit;
  const known: Named[] = rows
    .filter((row) => role === undefined || row.role === role)
    .map((row) => ({ key: row.key, names: namesOf(row) }));
  if (role === "sparse") known.unshift({ key: "bm25", names: ["bm25"] });
  const keys = known.map(({ key }) => key);
  if (found[0] && role) throw wrongRole(found[0].key, found[0].role, role, keys);
  throw unknownModel(name, nearNames(String(name), known), keys);
}

function namesOf(row: ModelCard): readonly string[] {
  const others = Object.hasOwn(otherNames, row.key) ? (otherNames[row.key] as readonly string[]) : [];
  return [row.key, row.hubId, ...others];
}
