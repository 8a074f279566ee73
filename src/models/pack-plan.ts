import { packNameClash } from "../core/errors.js";
import { flatName } from "../core/flat-name.js";
import { DATASET_METADATA } from "../schema/dataset-metadata.js";
import type { LocatedModel } from "../schema/model-types.js";
import type { LockedFile, ModelsLock } from "../schema/models-lock.js";
import { ROOT_LOCK } from "./lock-file.js";

/** Names of what stands in a pack beside the models' files. */
export const PACK_SUMS = "SHA256SUMS";
export const PACK_README = "README.md";
/** All of them; an upload with Kaggle's command line leaves the metadata out, so what is attached later lacks it. */
export const packTexts: readonly string[] = [ROOT_LOCK, PACK_SUMS, DATASET_METADATA, PACK_README];

/** A model's file on its way into a pack. */
export interface PackedFile extends LockedFile {
  /** In the pack. */
  readonly name: string;
  /** Where it is now, absolute. */
  readonly place: string;
  /** What it is, for people: the hub id and the path in the repository. */
  readonly what: string;
}

/** What a pack will hold. */
export interface PackPlan {
  readonly models: readonly LocatedModel[];
  /** By name, each once: two models may share a repository. */
  readonly files: readonly PackedFile[];
  readonly lock: ModelsLock;
}

/** @throws RagError `pack_name_clash` */
export function planPack(models: readonly LocatedModel[]): PackPlan {
  const files = new Map<string, PackedFile>();
  const locked: Record<string, { revision: string | null; licence: string; files: Record<string, LockedFile> }> = {};
  for (const { card, revision, files: found } of models) {
    const { hubId, licence } = card;
    const commit = revision.startsWith("content:") ? null : revision;
    const model = Object.hasOwn(locked, hubId) ? locked[hubId] : undefined;
    if (model && model.revision !== commit)
      throw packNameClash(hubId, `${hubId} at ${model.revision ?? "no known commit"}`, `at ${commit ?? "none"}`);
    const paths = model?.files ?? {};
    for (const { path, place, bytes, sha256 } of found) {
      const name = flatName(hubId, path);
      const file: PackedFile = { name, place, bytes, sha256, what: `${hubId}/${path}` };
      const other = files.get(name);
      if (other && (other.what !== file.what || other.sha256 !== sha256 || !Object.hasOwn(paths, path)))
        throw packNameClash(name, other.place, place);
      files.set(name, file);
      paths[path] = { bytes, sha256 };
    }
    locked[hubId] = { revision: commit, licence: model?.licence ?? licence, files: paths };
  }
  return {
    models,
    files: [...files.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
    lock: { models: locked },
  };
}

/** Names that the files of a lock have in a pack. */
export function namesOfLock({ models }: ModelsLock): string[] {
  return Object.entries(models).flatMap(([hubId, { files }]) =>
    Object.keys(files).map((path) => flatName(hubId, path)),
  );
}
