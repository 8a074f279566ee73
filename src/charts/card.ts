import type { CachePack, CacheReport, PrimePlan } from "../schema/cache-types.js";
import type { DoctorReport } from "../schema/doctor-types.js";
import type { RunExplanation, SkipExplanation, StaleReport } from "../schema/lineage-types.js";
import type { ParityReport } from "../schema/parity-types.js";
import type { ComputePlan } from "../schema/plan-types.js";
import type { RunRemoval } from "../schema/run-types.js";
import type { SessionPack } from "../schema/session-pack-types.js";
import type { AnyRun, QuerySet, Skipped } from "../schema/types.js";
import type { VectorCachePurge, VectorCacheStats } from "../schema/vector-cache-types.js";
import { cachePackCard, cacheReportCard, primePlanCard } from "./card-cache.js";
import { chunkCard } from "./card-chunk.js";
import { denseCard } from "./card-dense.js";
import { doctorCard } from "./card-doctor.js";
import { explanationCard, skipExplanationCard } from "./card-explain.js";
import { exportCard } from "./card-export.js";
import { fuseCard } from "./card-fuse.js";
import { queriesCard, skippedCard } from "./card-other.js";
import { parityCard } from "./card-parity.js";
import { planCard } from "./card-plan.js";
import { primeCard } from "./card-prime.js";
import { rerankCard } from "./card-rerank.js";
import { runRemovalCard } from "./card-runs.js";
import { sessionPackCard } from "./card-session-pack.js";
import { sparseCard } from "./card-sparse.js";
import { staleCard } from "./card-stale.js";
import type { Card } from "./card-types.js";
import { vectorPurgeCard, vectorStatsCard } from "./card-vectors.js";

/** What has a card. */
export type Showable =
  | AnyRun
  | Skipped
  | QuerySet
  | PrimePlan
  | CacheReport
  | CachePack
  | RunRemoval
  | SessionPack
  | StaleReport
  | RunExplanation
  | SkipExplanation
  | ParityReport
  | DoctorReport
  | VectorCacheStats
  | VectorCachePurge
  | ComputePlan;

/** The card of a value: plain data, computed from the value alone. */
export function cardOf(value: Showable): Card {
  switch (value.kind) {
    case "prime":
      return primeCard(value);
    case "chunk":
      return chunkCard(value);
    case "dense":
      return denseCard(value);
    case "sparse":
      return sparseCard(value);
    case "fuse":
      return fuseCard(value);
    case "rerank":
      return rerankCard(value);
    case "export":
      return exportCard(value);
    case "skipped":
      return skippedCard(value);
    case "queries":
      return queriesCard(value);
    case "prime_plan":
      return primePlanCard(value);
    case "cache_report":
      return cacheReportCard(value);
    case "cache_pack":
      return cachePackCard(value);
    case "parity_report":
      return parityCard(value);
    case "doctor_report":
      return doctorCard(value);
    case "run_removal":
      return runRemovalCard(value);
    case "session_pack":
      return sessionPackCard(value);
    case "stale_report":
      return staleCard(value);
    case "explanation":
      return explanationCard(value);
    case "skip_explanation":
      return skipExplanationCard(value);
    case "vector_cache_stats":
      return vectorStatsCard(value);
    case "vector_cache_purge":
      return vectorPurgeCard(value);
    case "compute_plan":
      return planCard(value);
  }
}
