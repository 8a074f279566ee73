import { missing, note, ok } from "../../core/checks.js";
import type { DoctorCheck } from "../../schema/doctor-types.js";
import type { Settings } from "../../schema/settings-types.js";
import { cudaLibraryPath } from "./library-path.js";
import { queryGpus, queryProcesses, type SmiAnswer, type SmiGpu, type SmiProcess } from "./nvidia-smi.js";
import { absentLibraries, findProvider, type ProviderFile, runtimeFolder } from "./provider-file.js";
import type { Env } from "./tool.js";
import type { UsableDevice } from "./types.js";
import { visibleGpus } from "./visible.js";

/** What a session says of the GPUs that it wants. */
export type CudaSettings = Pick<Settings, "gpus" | "memoryCapBytes">;

/** Everything that decides whether GPUs can be used, as it was found. */
export interface CudaLook {
  readonly env: Env;
  readonly told: SmiAnswer<SmiGpu>;
  readonly processes: SmiAnswer<SmiProcess>;
  /** A word where the file is damaged. */
  readonly provider: ProviderFile | string | null;
  /** What a process on a GPU gets as LD_LIBRARY_PATH. */
  readonly libraryPath: string;
  /** Libraries that such a process would not find; a word where nothing tells. */
  readonly absent: readonly string[] | string;
}

/** What a CUDA of that major version asks of the driver and of a GPU. CUDA Toolkit Release Notes, "CUDA Driver" and "Deprecated Architectures". */
const NEEDS: Readonly<Record<number, { readonly driver: number; readonly capability: number }>> = {
  12: { driver: 525, capability: 5 },
  13: { driver: 580, capability: 7.5 },
};

/** Below it next to no model fits beside CUDA's own context. */
const LITTLE_BYTES = 1.5e9;
const FETCH = "In the project's folder run: ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild onnxruntime-node";

/** What `nvidia-smi` did in place of listing GPUs, and what to do. */
const TOLD_NOTHING: Readonly<Record<"absent" | "failed" | "silent", (words: string) => [string, string]>> = {
  absent: () => ["there is no nvidia-smi", "Install NVIDIA's driver, or start the container with its GPUs"],
  failed: (words) => [`nvidia-smi says: ${words}`, "Bring the driver in order: nvidia-smi has to list the GPUs"],
  silent: (words) => [`nvidia-smi: ${words}`, "The driver hangs: restart the machine, or take another one"],
};

/** Looks at drivers, GPUs, the provider's file and its libraries. Nothing is loaded and nothing is computed. */
export async function lookAtCuda(env: Env, folder: string | null = runtimeFolder()): Promise<CudaLook> {
  const smi = { command: "nvidia-smi", env };
  const told = await queryGpus(smi);
  const nothing = { ...told, rows: [] };
  const [processes, libraryPath] = await Promise.all([
    told.kind === "told" ? queryProcesses(smi) : nothing,
    cudaLibraryPath(env),
  ]);
  const provider = providerIn(folder);
  const absent =
    provider === null || typeof provider === "string"
      ? []
      : await absentLibraries(provider.path, { ...env, LD_LIBRARY_PATH: libraryPath });
  return { env, told, processes, provider, libraryPath, absent };
}

function providerIn(folder: string | null): ProviderFile | string | null {
  try {
    return findProvider(folder);
  } catch (error) {
    return (error as Error).message;
  }
}

/** What a look found, a line each; GPUs can be used where none of them says `missing`. */
export function cudaChecks(look: CudaLook, settings: CudaSettings): DoctorCheck[] {
  const chosen = chosenGpus(look, settings);
  return [
    ...("check" in chosen ? [chosen.check] : chosen.gpus.flatMap((gpu) => gpuChecks(gpu, look, settings))),
    ...(look.told.kind === "told" ? (look.told.warnings ?? []).map((words) => note("nvidia-smi", words)) : []),
    ...providerChecks(look),
  ];
}

/** The GPUs that a session may use, or what is missing. */
function chosenGpus(
  { told, env }: CudaLook,
  { gpus: numbers }: CudaSettings,
): { readonly gpus: readonly SmiGpu[] } | { readonly check: DoctorCheck } {
  const none = (said: string, remedy: string) => ({ check: missing("GPU", said, remedy) });
  if (told.kind !== "told") return none(...TOLD_NOTHING[told.kind](told.words));
  if (told.rows.length === 0)
    return none("nvidia-smi finds no GPU", "On Kaggle choose an accelerator with GPUs in the notebook's settings");
  const visible = visibleGpus(told.rows, env);
  if ("problem" in visible)
    return none(`CUDA_VISIBLE_DEVICES can't be followed: ${visible.problem}`, "Correct it, or remove it");
  if (visible.gpus.length === 0)
    return none(`CUDA_VISIBLE_DEVICES hides all GPUs (there are ${told.rows.length})`, "Correct it, or remove it");
  if (numbers === null) return visible;
  const seen = visible.gpus.map(({ index }) => index);
  const absent = numbers.filter((number) => !seen.includes(number));
  if (absent.length > 0)
    return none(
      `gpus names ${absent.join(", ")}, and visible are ${seen.join(", ")}`,
      "Correct the setting, or CUDA_VISIBLE_DEVICES",
    );
  return { gpus: visible.gpus.filter(({ index }) => numbers.includes(index)) };
}

function gpuChecks(gpu: SmiGpu, look: CudaLook, { memoryCapBytes }: CudaSettings): DoctorCheck[] {
  const { index, uuid, product, memoryBytes, usedBytes, computeCapability, driver, utilisation, split } = gpu;
  const name = `GPU ${index}`;
  const said = [
    product || "unnamed",
    memoryBytes === null ? "memory not told" : `${gigabytes(memoryBytes)}, ${gigabytes(usedBytes ?? 0)} in use`,
    `compute capability ${computeCapability ?? "not told"}`,
    `driver ${driver ?? "not told"}`,
    ...(utilisation === null ? [] : [`${Math.round(utilisation * 100)} % busy`]),
  ].join(", ");
  const provider = typeof look.provider === "object" ? look.provider : null;
  const needs = NEEDS[provider?.cuda ?? 12];
  const major = Number(driver?.split(".")[0] ?? Number.NaN);
  const free = memoryBytes === null || usedBytes === null ? null : memoryBytes - usedBytes;
  const first = ((): DoctorCheck => {
    if (split)
      return missing(name, `${said}; it is split (MIG), and the memory of its parts can't be watched`, "Turn MIG off");
    if (needs && computeCapability !== null && Number(computeCapability) < needs.capability)
      return missing(name, `${said}; too old: ${needs.capability.toFixed(1)} is needed`, "Take another GPU");
    if (needs && major < needs.driver)
      return missing(
        name,
        `${said}; CUDA ${provider?.cuda ?? 12} needs driver ${needs.driver} or later`,
        "Install a newer driver",
      );
    if (uuid === null || free === null)
      return note(name, `${said}; its memory can't be watched, so memoryCapBytes is planned for and not guarded`);
    if (free < LITTLE_BYTES)
      return missing(
        name,
        `${said}; only ${gigabytes(free)} free`,
        "End what else uses it, or choose others with gpus",
      );
    if (free < memoryCapBytes)
      return note(
        name,
        `${said}; ${gigabytes(free)} free, memoryCapBytes is ${gigabytes(memoryCapBytes)}`,
        `End what else uses it, or set memoryCapBytes to at most ${gigabytes(Math.min(free, memoryCapBytes))}`,
      );
    return ok(name, said);
  })();
  return [first, ...processCheck(gpu, look)];
}

function processCheck({ index, uuid }: SmiGpu, { processes }: CudaLook): DoctorCheck[] {
  const name = `GPU ${index}, processes`;
  if (processes.kind !== "told") return [note(name, `not told: ${processes.words}`)];
  const here = processes.rows.filter((process) => process.uuid === uuid && uuid !== null);
  if (here.length === 0) return [];
  const list = here
    .slice(0, 5)
    .map(
      ({ pid, name: who, usedBytes }) =>
        `${who || "unnamed"} (${pid}${usedBytes === null ? "" : `, ${gigabytes(usedBytes)}`})`,
    );
  const more = here.length > 5 ? ` and ${here.length - 5} more` : "";
  return [note(name, `${list.join(", ")}${more}`, "They share its memory and time: end those that are not needed")];
}

function providerChecks({ provider, absent }: CudaLook): DoctorCheck[] {
  const name = "CUDA provider";
  if (provider === null) return [missing(name, "the inference runtime's CUDA files are not installed", FETCH)];
  if (typeof provider === "string") return [missing(name, `its file can't be read: ${provider}`, FETCH)];
  const { cuda, needed } = provider;
  const cudnn = needed.find((library) => library.startsWith("libcudnn.so."));
  const said = `built for CUDA ${cuda ?? "of a version that it does not name"}${cudnn ? `, ${cudnn}` : ""}`;
  const libraries = "CUDA libraries";
  if (typeof absent === "string") return [ok(name, said), note(libraries, `not looked for: ${absent}`)];
  if (absent.length === 0) return [ok(name, said), ok(libraries, `all ${needed.length} that it asks for are found`)];
  return [
    ok(name, said),
    missing(
      libraries,
      `${absent.slice(0, 8).join(", ")} not found`,
      `pip install "onnxruntime-gpu[cuda,cudnn]" brings those of CUDA ${cuda ?? 12}; or name their folders in LD_LIBRARY_PATH before the kernel starts`,
    ),
  ];
}

/** The chosen GPUs, each with the environment of a process that sees it alone. Only for a look without `missing`. */
export function cudaDevices(look: CudaLook, settings: CudaSettings): UsableDevice[] {
  const chosen = chosenGpus(look, settings);
  if ("check" in chosen) return [];
  return chosen.gpus.map(({ index, uuid, product, memoryBytes, computeCapability }) => ({
    kind: "cuda",
    name: `cuda:${index}`,
    product,
    index,
    uuid,
    memoryBytes,
    computeCapability,
    provider: { kind: "cuda" },
    env: {
      CUDA_DEVICE_ORDER: "PCI_BUS_ID",
      CUDA_VISIBLE_DEVICES: uuid ?? String(index),
      ...(look.libraryPath === "" ? {} : { LD_LIBRARY_PATH: look.libraryPath }),
    },
    smi: { command: "nvidia-smi", env: look.env },
  }));
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
