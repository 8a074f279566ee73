import { badOption } from "../core/errors.js";
import type { DeviceKind } from "../schema/device-types.js";
import type { LocatedModel, ModelRole } from "../schema/model-types.js";
import type { ModelUse } from "../schema/types.js";
import type { SessionContext } from "./context.js";

/**
 * Model names as the registry's keys, so that one model has one name in run ids.
 *
 * @param engines names that stand for no model, such as `bm25`
 * @throws RagError `bad_option` for an empty list or a model named twice, `unknown_model`, `wrong_role`
 */
export function modelKeys(
  context: SessionContext,
  names: readonly string[],
  role: ModelRole,
  engines: readonly string[] = [],
): string[] {
  if (!Array.isArray(names) || names.length === 0) throw badOption("models", names, "at least one model is needed");
  const keys = names.map((name) => (engines.includes(name) ? name : context.card(name, role).key));
  const twice = keys.find((key, i) => keys.indexOf(key) < i);
  if (twice !== undefined) throw badOption("models", names, `${twice} is named twice`);
  return keys;
}

/** A located model as a run records it. */
export function modelUse(model: LocatedModel, device: DeviceKind): ModelUse {
  const { card, revision, fingerprint, servedFrom, dtype, maxTokens } = model;
  const { key, hubId, pooling, documentPrefix, queryPrefix } = card;
  return {
    key,
    hubId,
    revision,
    fingerprint,
    servedFrom,
    dtype,
    device,
    maxTokens,
    pooling,
    documentPrefix,
    queryPrefix,
  };
}
