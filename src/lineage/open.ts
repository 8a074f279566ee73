import { readFile } from "node:fs/promises";
import type { RunFacts } from "../core/runs.js";
import type { StageStanding } from "../schema/lineage-types.js";
import type { Provenance, Settings } from "../schema/settings-types.js";
import { type DocumentSources, parseSources, SOURCES_SCHEMA } from "../schema/sources-file.js";
import type { ModelUse, StageName } from "../schema/types.js";
import { writeAtomic } from "../store/atomic.js";
import type { RunStore } from "../store/runs.js";
import { type DocumentFinder, type DocumentMemory, lookAtDocuments } from "./documents.js";
import type { Facts } from "./facts.js";
import { headOf, type RunHead } from "./head.js";
import { openHeads } from "./heads.js";
import { judge } from "./judge.js";
import { whyComputed } from "./why.js";

/** What the lineage of a session is gathered from. */
export interface LineageSources {
  readonly store: RunStore;
  readonly settings: Settings;
  readonly provenance: Provenance;
  /** Registry keys of the models that the settings name. */
  readonly keys: Facts["keys"];
  readonly dtype: Facts["dtype"];
  /** Models that this session has located so far, by key: locating reads every byte, so nothing here causes it. */
  models(): ReadonlyMap<string, ModelUse>;
  readonly documents: DocumentFinder;
}

/** How the runs of a session stand. */
export interface Standings {
  /** In the order of the journey. */
  readonly stages: readonly StageStanding[];
  /** Documents of which it is not known yet, for want of time. */
  readonly unread: number;
}

/** How runs are looked at. */
export interface StandingOptions {
  /** Judged in place of the last run of its stage. */
  readonly run?: RunFacts;
  /** Time after which no further document is read; without it, all are that look other than they did. */
  readonly hashMs?: number;
}

/** What a session knows of where its runs come from. */
export interface Lineage {
  /** Keeps where a chunk run's documents were read. @throws RagError `store_write_failed` */
  keepSources(id: string, sources: DocumentSources): Promise<void>;
  /** How the last run of every stage stands. */
  standings(options?: StandingOptions): Promise<Standings>;
  /** Why a stage computes this run and reuses none, in a few words. */
  why(run: RunFacts): Promise<string>;
}

/** Opens the lineage of a session. */
export function openLineage(from: LineageSources): Lineage {
  const { store, settings, provenance, keys } = from;
  const heads = openHeads(store);
  const memory: DocumentMemory = new Map();
  /** The last sources read or kept: the session's lock makes this process their only writer. */
  let kept: { readonly id: string; readonly sources: DocumentSources | null } | null = null;

  const documentsOf = async (run: RunHead | string | undefined, hashMs: number): Promise<Facts["documents"]> => {
    if (typeof run !== "object") return { unknown: "" };
    const { sources } = kept?.id === run.id ? kept : await readSources(run.id);
    if (!sources) return { unknown: "its documents are not at hand: where they were read is not kept on this machine" };
    const { documents, renewed } = await lookAtDocuments(sources, from.documents, memory, hashMs);
    if (renewed) await keepSources(run.id, renewed).catch(() => {}); // A read-only disk costs another hash, no more.
    return documents;
  };
  const readSources = async (id: string) => {
    const text = await readFile(store.layout.sourcesFile(id), "utf8").catch(() => "");
    kept = { id, sources: parseSources(text, id) };
    return kept;
  };
  const keepSources = async (id: string, sources: DocumentSources) => {
    kept = { id, sources };
    const path = store.layout.sourcesFile(id);
    await writeAtomic(
      path,
      `${JSON.stringify({ schema: SOURCES_SCHEMA, run: id, ...sources })}\n`,
      "where documents are",
    );
  };

  return {
    keepSources,
    async standings({ run, hashMs = Number.POSITIVE_INFINITY } = {}) {
      const runs = await heads.last();
      if (run) runs.set(run.kind, headOf(run));
      const documents = await documentsOf(runs.get("chunk"), hashMs);
      return {
        stages: judge({ runs, settings, provenance, keys, dtype: from.dtype, models: from.models(), documents }),
        unread: "unread" in documents ? documents.unread : 0,
      };
    },
    async why(run) {
      const last = (await heads.last()).get(run.kind as StageName);
      return whyComputed(typeof last === "object" ? last : null, headOf(run));
    },
  };
}
