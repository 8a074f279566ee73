import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { formatNotebook, readNotebook } from "../notebook/notebook-file.js";
import { DATASET_METADATA } from "../schema/dataset-metadata.js";
import { KERNEL_METADATA } from "../schema/kernel-metadata.js";
import { toKaggle } from "./kaggle-notebook.js";
import { kernelMetadata } from "./push-folder.js";
import { NO_OWNER, usualKitName } from "./texts.js";

/**
 * What a checkout's folder `kaggle` has of the notebooks: each of them for Kaggle, and the
 * two files that Kaggle's command line reads, as a beginning for the operator's own.
 *
 * @param root this package's folder
 * @returns text by file name
 * @throws RagError `bad_notebook`
 */
export async function kaggleFiles(root: string): Promise<Map<string, string>> {
  const folder = join(root, "notebooks");
  const names = (await readdir(folder)).filter((name) => name.endsWith(".ipynb")).sort();
  const files = new Map<string, string>();
  for (const name of names) {
    const path = join(folder, name);
    files.set(name, formatNotebook(toKaggle(path, await readNotebook(path), true)));
  }
  const journey = kernelMetadata("journey.ipynb", `${NO_OWNER}/rag-cells-journey`, [usualKitName.id], {});
  files.set(KERNEL_METADATA, `${JSON.stringify(journey, null, 2)}\n`);
  const dataset = { ...usualKitName, licenses: [{ name: "other" }] };
  return files.set(DATASET_METADATA, `${JSON.stringify(dataset, null, 2)}\n`);
}
