import type { PrimedModel, PrimeRun } from "../schema/types.js";
import { contextOf, modelUse, runStage, type Session } from "../stage.js";

/** Options of {@link primeCache}. */
export interface PrimeOptions {
  /** Look and verify again, also when the same files were seen before. */
  readonly rerun?: boolean;
}

/**
 * Finds every model the session is set to use, before any of them is needed:
 * the files on disk, their sizes and sha256, the limits they set. Stages that are
 * switched off need no model. Nothing is downloaded and nothing is written outside
 * the session's folder, so a read-only cache works.
 *
 * @throws RagError `model_files_missing` (names every missing file of every model at once),
 *   `unknown_model` (names the near ones)
 */
export async function primeCache(session: Session, options: PrimeOptions = {}): Promise<PrimeRun> {
  const began = performance.now();
  const context = contextOf(session);
  const { settings } = session;
  const wanted = [
    ...settings.dense.map((key) => ({ key, role: "dense" as const })),
    ...(settings.enableSparse
      ? settings.sparse.filter((key) => key !== "bm25").map((key) => ({ key, role: "sparse" as const }))
      : []),
    ...(settings.enableRerank ? [{ key: settings.rerank, role: "rerank" as const }] : []),
  ];
  const located = await context.locate(wanted);
  return runStage(context, {
    stage: "prime",
    version: 1,
    inputs: {},
    settings: {},
    models: located,
    rerun: options.rerun ?? false,
    began,
    work: async () => {
      const models: PrimedModel[] = located.map((model) => ({
        model: modelUse(model),
        role: model.card.role,
        licence: model.card.licence,
        files: model.files,
        bytes: model.files.reduce((sum, file) => sum + file.bytes, 0),
      }));
      return { models, bytes: models.reduce((sum, model) => sum + model.bytes, 0) };
    },
  });
}
