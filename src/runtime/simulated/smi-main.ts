/**
 * Stands in for nvidia-smi where GPUs are simulated: answers the queries that this package makes, in the same words, from
 * the folder in which the processes on them write down what they hold. Started by a script in that folder.
 */
import { readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gpuFolder, type Holding, holdings, sharedClock } from "./ledger.js";
import { GPUS_FILE, type ShownGpu } from "./state-folder.js";

/** The shortest time over which NVIDIA's tool looks at the use of a GPU. */
const LOOK_MS = 167;
const DRIVER = "570.172.08";

interface Query {
  readonly of: "gpu" | "compute-apps";
  readonly fields: readonly string[];
  readonly header: boolean;
  readonly units: boolean;
  /** Milliseconds between answers; null for one alone. */
  readonly loop: number | null;
}

/** One GPU at one moment. */
interface Look {
  readonly gpu: ShownGpu;
  readonly index: number;
  readonly holdings: readonly Holding[];
  /** 0..1, since the look before. */
  readonly utilisation: number;
}

/** A cell: a text as it is, or a number with its unit. */
type Cell = string | { readonly value: number; readonly unit: string };

const mebibytes = (bytes: number): Cell => ({ value: Math.ceil(bytes / 2 ** 20), unit: "MiB" });
const usedBytes = (look: Look) => look.holdings.reduce((sum, { bytes }) => sum + bytes, 0);

const gpuFields: Readonly<Record<string, (look: Look) => Cell>> = {
  index: ({ index }) => String(index),
  uuid: ({ gpu }) => gpu.uuid,
  name: ({ gpu }) => gpu.product,
  driver_version: () => DRIVER,
  compute_cap: ({ gpu }) => gpu.computeCapability,
  "mig.mode.current": () => "[N/A]",
  "memory.total": ({ gpu }) => mebibytes(gpu.memoryBytes),
  "memory.used": (look) => mebibytes(usedBytes(look)),
  "memory.free": (look) => mebibytes(look.gpu.memoryBytes - usedBytes(look)),
  "utilization.gpu": ({ utilisation }) => ({ value: Math.round(100 * utilisation), unit: "%" }),
};

const processFields: Readonly<Record<string, (look: Look, holding: Holding) => Cell>> = {
  gpu_uuid: ({ gpu }) => gpu.uuid,
  gpu_name: ({ gpu }) => gpu.product,
  pid: (_, { pid }) => String(pid),
  process_name: () => "rag-cells",
  used_memory: (_, { bytes }) => mebibytes(bytes),
};

function queryOf(args: readonly string[]): Query {
  let query: Query = { of: "gpu", fields: [], header: true, units: true, loop: null };
  for (let at = 0; at < args.length; at++) {
    const [name, value] = (args[at] as string).split("=", 2) as [string, string | undefined];
    if (name === "--query-gpu" || name === "--query-compute-apps")
      query = { ...query, of: name === "--query-gpu" ? "gpu" : "compute-apps", fields: (value ?? "").split(",") };
    else if (name === "--format") {
      const parts = (value ?? "").split(",");
      query = { ...query, header: !parts.includes("noheader"), units: !parts.includes("nounits") };
    } else if (["-l", "--loop", "-lms", "--loop-ms"].includes(name)) {
      const every = Number(value ?? args[++at]);
      query = { ...query, loop: name.endsWith("ms") ? every : 1000 * every };
    } else refuse(`Invalid combination of input arguments: ${name}`, 1);
  }
  if (query.fields.length === 0)
    refuse("Invalid combination of input arguments. Please run 'nvidia-smi -h' for help.", 1);
  const known = query.of === "gpu" ? gpuFields : processFields;
  for (const field of query.fields)
    if (!Object.hasOwn(known, field)) refuse(`Field "${field}" is not a valid field to query.`, 2);
  return query;
}

function refuse(words: string, code: number): never {
  write(`${words}\n`);
  process.exit(code);
}

/** Nobody reads any more: the process that asked is gone. */
function write(text: string): void {
  try {
    writeSync(1, text);
  } catch {
    process.exit(1);
  }
}

/** Looks at all GPUs, and at what has been computed since the look before. */
function lookAt(stateDir: string, gpus: readonly ShownGpu[], before: Moment | null): { looks: Look[]; moment: Moment } {
  const at = sharedClock();
  const busy = new Map<string, number>();
  const looks = gpus.map((gpu, index) => {
    const found = holdings(gpuFolder(stateDir, index));
    let computed = 0;
    for (const { pid, busyMs } of found) {
      busy.set(`${index} ${pid}`, busyMs);
      computed += busyMs - (before?.busy.get(`${index} ${pid}`) ?? 0);
    }
    const share = before ? computed / (at - before.at) : 0;
    return { gpu, index, holdings: found, utilisation: Math.min(1, Math.max(0, share)) };
  });
  return { looks, moment: { at, busy } };
}

/** When a look was taken, and milliseconds that each process had computed on each GPU. */
interface Moment {
  readonly at: number;
  readonly busy: ReadonlyMap<string, number>;
}

function answer(query: Query, looks: readonly Look[]): string {
  const text = (cell: Cell) =>
    typeof cell === "string" ? cell : query.units ? `${cell.value} ${cell.unit}` : String(cell.value);
  const lines =
    query.of === "gpu"
      ? looks.map((look) => query.fields.map((field) => text((gpuFields[field] as (look: Look) => Cell)(look))))
      : looks.flatMap((look) =>
          look.holdings.map((holding) =>
            query.fields.map((field) =>
              text((processFields[field] as (look: Look, holding: Holding) => Cell)(look, holding)),
            ),
          ),
        );
  return lines.map((cells) => `${cells.join(", ")}\n`).join("");
}

/** Units stand in the header whether they stand behind values or not. */
function headerOf({ fields }: Query): string {
  const unitOf = (field: string) => (/memory/.test(field) ? " [MiB]" : /^utilization/.test(field) ? " [%]" : "");
  return `${fields.map((field) => `${field}${unitOf(field)}`).join(", ")}\n`;
}

const [stateDir, ...args] = process.argv.slice(2) as [string, ...string[]];
const query = queryOf(args);
const gpus = JSON.parse(readFileSync(join(stateDir, GPUS_FILE), "utf8")) as ShownGpu[];
let { moment } = lookAt(stateDir, gpus, null);
if (query.fields.includes("utilization.gpu")) await sleep(Math.min(query.loop ?? LOOK_MS, LOOK_MS));
if (query.header) write(headerOf(query));
for (;;) {
  const next = lookAt(stateDir, gpus, moment);
  moment = next.moment;
  write(answer(query, next.looks));
  if (query.loop === null) break;
  await sleep(query.loop);
}
