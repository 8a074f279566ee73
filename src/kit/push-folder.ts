import { mkdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { badOption, folderTaken } from "../core/errors.js";
import { formatNotebook, readNotebook } from "../notebook/notebook-file.js";
import { KERNEL_METADATA, type KernelMetadata, kernelMetadataProblem, titleOfSlug } from "../schema/kernel-metadata.js";
import { writeAtomic } from "../store/atomic.js";
import { languageOf, toKaggle } from "./kaggle-notebook.js";

/** What of a notebook on Kaggle its owner decides. */
export interface PushOptions {
  /** By default the words of the id's slug. */
  readonly title?: string | undefined;
  /** Two T4; true by default. */
  readonly gpu?: boolean | undefined;
  /** False by default: with a kit none is needed. */
  readonly internet?: boolean | undefined;
}

/** What each field of the file is called where the operator gives it. */
const OPTIONS: Readonly<Record<string, string>> = {
  id: "id",
  title: "title",
  code_file: "notebook",
  dataset_sources: "dataset",
};

/**
 * The content of `kernel-metadata.json`: a private notebook with everything said that Kaggle has defaults for.
 *
 * @throws RagError `bad_option` for an id, a title, a dataset or a file's name that Kaggle would refuse or change
 */
export function kernelMetadata(
  file: string,
  id: string,
  datasets: readonly string[],
  { title, gpu = true, internet = false }: PushOptions,
): KernelMetadata {
  const metadata: KernelMetadata = {
    id,
    title: title ?? titleOfSlug(id.slice(id.indexOf("/") + 1)),
    code_file: file,
    language: "python",
    kernel_type: "notebook",
    is_private: true,
    enable_gpu: gpu,
    enable_internet: internet,
    ...(gpu ? { machine_shape: "NvidiaTeslaT4" as const } : {}),
    dataset_sources: datasets,
    competition_sources: [],
    kernel_sources: [],
  };
  const problem = kernelMetadataProblem(metadata);
  if (problem === null) return metadata;
  const name = problem.field.split(".", 1)[0] as string;
  throw badOption(OPTIONS[name] ?? name, problem.value, problem.rule);
}

/**
 * Makes a folder that `kaggle kernels push -p` takes: one notebook for Kaggle and its metadata.
 * A TypeScript notebook is made one for Python; one for Python goes as it is.
 *
 * @param own whether the notebook is one of this package's
 * @returns the metadata that was written
 * @throws RagError `bad_notebook`, `bad_option`, `folder_taken`, `store_write_failed`
 */
export async function writePushFolder(
  dir: string,
  path: string,
  own: boolean,
  id: string,
  datasets: readonly string[],
  options: PushOptions,
): Promise<KernelMetadata> {
  const metadata = kernelMetadata(basename(path), id, datasets, options);
  const notebook = await readNotebook(path);
  const text = formatNotebook(languageOf(notebook) === "python" ? notebook : toKaggle(path, notebook, own));
  const earlier = await readFile(join(dir, KERNEL_METADATA), "utf8").catch(() => null);
  if (earlier !== null && idOf(earlier) !== id)
    throw folderTaken(dir, `its ${KERNEL_METADATA} is that of another notebook`, "Name another folder");
  await mkdir(dir, { recursive: true }).catch((error: Error) => {
    throw folderTaken(dir, error.message, "Name another folder");
  });
  await writeAtomic(join(dir, metadata.code_file), text);
  await writeAtomic(join(dir, KERNEL_METADATA), `${JSON.stringify(metadata, null, 2)}\n`);
  return metadata;
}

function idOf(text: string): unknown {
  try {
    return (JSON.parse(text) as { id?: unknown } | null)?.id;
  } catch {
    return undefined;
  }
}
