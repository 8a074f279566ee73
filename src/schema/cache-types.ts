/** What the verbs of the model cache return, beside their runs: plan, report, pack. */

/** What a call of `primeCache` brought over the network. */
export interface PrimeFetch {
  readonly models: readonly string[];
  readonly files: number;
  readonly bytes: number;
  /** Bytes that an interrupted call had left, and that were not fetched again. */
  readonly resumedBytes: number;
  readonly seconds: number;
  /** Attempts that failed and were repeated. */
  readonly retries: number;
}

/** One file of {@link PlannedModel}. */
export interface PlannedFile {
  readonly path: string;
  /** Null where no one said. */
  readonly bytes: number | null;
  /** Bytes that are there already. */
  readonly onDisk: number;
  /** What is wrong with what is there; empty where nothing is. */
  readonly problem: string;
}

/** One model of {@link PrimePlan}. */
export interface PlannedModel {
  readonly key: string;
  readonly role: "dense" | "sparse" | "rerank";
  readonly hubId: string;
  readonly dtype: string;
  readonly licence: string;
  readonly commercialUse: boolean;
  /** `missing` where the session is offline and no folder has it. */
  readonly state: "on disk" | "to fetch" | "missing";
  readonly revision: string | null;
  /** The folder it is in, or will be. */
  readonly root: string | null;
  readonly files: readonly PlannedFile[];
  readonly bytes: number;
  readonly toFetch: number;
}

/** What `primeCache` would do. */
export interface PrimePlan {
  readonly kind: "prime_plan";
  readonly models: readonly PlannedModel[];
  readonly bytes: number;
  readonly toFetch: number;
  readonly cacheDir: string;
  /** Free there; null where the system does not say. */
  readonly freeBytes: number | null;
  readonly offline: boolean;
}

/** One file of {@link CacheReport}. */
export interface CacheFile {
  readonly model: string;
  readonly path: string;
  readonly bytes: number;
  /** `unlocked`: whole as far as can be seen, and no lock file says what it should be. */
  readonly state: "ok" | "unlocked" | "bad";
  /** What is wrong with it; empty where nothing is. */
  readonly problem: string;
}

/** What `verifyCache` found, every byte read anew. */
export interface CacheReport {
  readonly kind: "cache_report";
  /** True where no file is bad. */
  readonly ok: boolean;
  readonly files: readonly CacheFile[];
  /** Folders that serve the models. */
  readonly roots: readonly string[];
  /** Half-fetched files in the cache folder, which no one loads. */
  readonly unfinished: { readonly files: number; readonly bytes: number };
  readonly bytes: number;
  readonly seconds: number;
}

/** A model of a pack. */
export interface PackedModel {
  /** The registry key; the hub id where no row of the session has that repository. */
  readonly key: string;
  readonly hubId: string;
  readonly licence: string;
  /** Null where no row of the session has that repository. */
  readonly commercialUse: boolean | null;
}

/** What `packCache` wrote, or `unpackCache` took out of an archive. */
export interface CachePack {
  readonly kind: "cache_pack";
  /** The folder, absolute. It serves as one of `modelDirs`. */
  readonly dir: string;
  /** The archive it was unpacked from, absolute; null for what `packCache` wrote. */
  readonly archive: string | null;
  readonly models: readonly PackedModel[];
  /** All files of the pack, the lists and texts beside the models too. */
  readonly files: number;
  readonly bytes: number;
}
