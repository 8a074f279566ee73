import { ENCODER_VERSION } from "../runtime/encoder-version.js";
import type { DeviceKind } from "../schema/device-types.js";
import type { KeptRows } from "../schema/kept-rows.js";
import type { LocatedModel } from "../schema/model-types.js";
import type { Session } from "../stage/context.js";
import type { StageWork } from "../stage/work.js";
import { type VectorCache, vectorCacheOf } from "../store/vector-cache.js";

/** The rows that are kept of a model's passes over documents; null where none are. */
export type KeptOf = (model: LocatedModel, normalize: boolean) => KeptRows | null;

/** How many vectors of documents were taken from the cache, and how many computed. */
export interface CacheUse {
  readonly reused: number;
  readonly computed: number;
}

const uses = new WeakMap<Session, CacheUse>();

/** What this kernel's passes took from the cache since the session was opened. */
export function cacheUseOf(session: Session): CacheUse {
  return uses.get(session) ?? { reused: 0, computed: 0 };
}

/**
 * Does a stage's work with the session's vector cache at hand, and closes it. What the cache
 * had to remark is noted on the run.
 *
 * @param rerun computes every row again, and keeps it in place of the old one
 */
export async function withKept<T>(
  work: StageWork,
  session: Session,
  rerun: boolean,
  use: (kept: KeptOf) => Promise<T>,
): Promise<T> {
  let cache: VectorCache | null = null;
  const kept: KeptOf = (model, normalize) => {
    // What a simulation drew from a hash must not be kept as a vector.
    if (work.deviceKind === "simulated") return null;
    cache ??= vectorCacheOf(session.settings);
    if (cache === null) return null;
    const rows = cache.space(spaceOf(model, normalize, work.deviceKind));
    return counted(session, rerun ? unread(rows) : rows);
  };
  try {
    return await use(kept);
  } finally {
    const used = cache as VectorCache | null;
    // Stop doesn't wait for housekeeping.
    await used?.close({ shrink: !work.signal.aborted });
    for (const { code, message, count } of used?.notes() ?? []) work.note(code, message, count);
  }
}

/** Says on the run that vectors were reused: those that are computed anew stand in other batches than they would without. */
export function noteReuse(work: StageWork, name: string, reused: number, rows: number): void {
  if (reused === 0) return;
  const others = reused < rows ? `; the model computed ${rows - reused}` : "";
  work.note(
    "vectors_reused",
    `${name}: ${reused} of ${rows} vectors are kept from before${others}. A vector's last bits depend on the batch it was computed in, so they can differ from a run that computes all; with fp32 weights the cosine is 1 within 1e-6.`,
    reused,
  );
}

function spaceOf({ card, fingerprint, dtype, maxTokens }: LocatedModel, normalize: boolean, device: DeviceKind) {
  const { key: model, pooling, documentPrefix: prefix, dim: width } = card;
  const output = pooling === "splade" ? ("sparse" as const) : ("dense" as const);
  return {
    model,
    fingerprint,
    dtype,
    device,
    pooling,
    normalize,
    prefix,
    maxTokens,
    output,
    width,
    encoder: ENCODER_VERSION,
  };
}

function unread(rows: KeptRows): KeptRows {
  return { ...rows, known: async (hashes) => new Uint8Array(hashes.byteLength / 32) };
}

function counted(session: Session, rows: KeptRows): KeptRows {
  const count = (reused: number, computed: number) => {
    const before = cacheUseOf(session);
    uses.set(session, { reused: before.reused + reused, computed: before.computed + computed });
  };
  return {
    known: rows.known,
    async take(hashes) {
      const found = await rows.take(hashes);
      count(found.filter((row) => row !== null).length, 0);
      return found;
    },
    async keep(hashes, payloads) {
      await rows.keep(hashes, payloads);
      count(0, payloads.length);
    },
  };
}
