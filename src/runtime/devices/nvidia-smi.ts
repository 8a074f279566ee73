import { askTool } from "./tool.js";
import type { NvidiaSmi } from "./types.js";

/** A GPU as `nvidia-smi` tells of it; null where it says `[N/A]` or the like. */
export interface SmiGpu {
  readonly index: number;
  /** `GPU-` and a hexadecimal id. */
  readonly uuid: string | null;
  readonly product: string;
  readonly memoryBytes: number | null;
  readonly usedBytes: number | null;
  /** 0..1 */
  readonly utilisation: number | null;
  /** Such as `7.5`. */
  readonly computeCapability: string | null;
  /** Such as `550.54.15`. */
  readonly driver: string | null;
  /** Whether it is split into instances (MIG). */
  readonly split: boolean;
}

/** A process that computes on a GPU; processes of other containers may be named or not. */
export interface SmiProcess {
  /** Of the GPU. */
  readonly uuid: string | null;
  readonly pid: number;
  readonly usedBytes: number | null;
  readonly name: string;
}

/** What `nvidia-smi` said, or in which way it told nothing. */
export type SmiAnswer<T> =
  /** With warnings that it wrote among the rows, if any. */
  | { readonly kind: "told"; readonly rows: readonly T[]; readonly warnings?: readonly string[] }
  /** `absent`: there is no such command. `failed`: it says so, can't be started, or writes what can't be read. `silent`: no answer in time. */
  | { readonly kind: "absent" | "failed" | "silent"; readonly words: string };

/** Longest time that is waited for it; without persistence mode it wakes every GPU first. */
const SECONDS = 20;
const MIB = 2 ** 20;
/**
 * The exit code that goes with a line `WARNING: infoROM is corrupted at gpu ...` beside the rows: a part of the
 * board's own records is damaged, and it computes (nvidia-smi's manual, "Return Value").
 */
const INFOROM = 14;

/** The fields of one GPU, in the order of the query. The name comes last: it may hold anything. */
const FIELDS = ["index", "uuid", "memory.total", "memory.used", "utilization.gpu", "driver_version"] as const;
const NEWER_FIELDS = ["compute_cap", "mig.mode.current"] as const;

/** The GPUs of this machine, in the order of `nvidia-smi`. @param seconds time limit */
export async function queryGpus(smi: NvidiaSmi, seconds = SECONDS): Promise<SmiAnswer<SmiGpu>> {
  const fields = [...FIELDS, ...NEWER_FIELDS, "name"];
  const answer = await query(smi, "--query-gpu", fields, readGpu, seconds);
  // Drivers that are too old for CUDA 12 lack fields; what they have tells that they are too old.
  if (answer.kind === "failed" && /not a valid field/i.test(answer.words))
    return query(smi, "--query-gpu", [...FIELDS, "name"], readGpu, seconds);
  return answer;
}

/** The processes that compute on this machine's GPUs, as far as this user may see them. @param seconds time limit */
export function queryProcesses(smi: NvidiaSmi, seconds = SECONDS): Promise<SmiAnswer<SmiProcess>> {
  return query(smi, "--query-compute-apps", ["gpu_uuid", "pid", "used_memory", "process_name"], readProcess, seconds);
}

async function query<T>(
  { command, env }: NvidiaSmi,
  option: string,
  fields: readonly string[],
  read: (cells: ReadonlyMap<string, string>) => T | null,
  seconds: number,
): Promise<SmiAnswer<T>> {
  const args = [`${option}=${fields.join(",")}`, "--format=csv,noheader,nounits"];
  const said = await askTool(command, args, { ...env, LC_ALL: "C" }, seconds);
  if (said.kind === "absent") return { kind: "absent", words: said.words };
  if (said.kind === "unstartable") return { kind: "failed", words: plain(said.words) };
  if (said.kind === "silent") return { kind: "silent", words: `no answer within ${said.seconds} s` };
  const lines = said.stdout.split(/\r?\n/).filter((line) => line.trim() !== "");
  if (
    lines.length === 1 &&
    /^No (devices|running processes) were found|^No running processes found/i.test(lines[0] ?? "")
  )
    return { kind: "told", rows: [] };
  const warnings = lines.filter((line) => /^\s*warning:/i.test(line));
  const rows: T[] = [];
  const odd: string[] = [];
  for (const line of lines.filter((text) => !warnings.includes(text))) {
    const cells = cellsOf(line, fields);
    const row = cells && read(cells);
    if (row) rows.push(row);
    else odd.push(line);
  }
  // What is no row says what is wrong; a row does not.
  if (said.code !== 0 && said.code !== INFOROM)
    return { kind: "failed", words: firstLine(...odd, said.stderr, ...warnings, `exit code ${said.code}`) };
  if (odd.length > 0) return { kind: "failed", words: `it wrote what can't be read: ${plain(odd[0] as string)}` };
  return { kind: "told", rows, ...(warnings.length > 0 ? { warnings: warnings.map(plain) } : {}) };
}

function readGpu(cells: ReadonlyMap<string, string>): SmiGpu | null {
  const index = integerCell(cells.get("index"));
  if (index === null) return null;
  const percent = numberCell(cells.get("utilization.gpu"));
  return {
    index,
    uuid: uuidCell(cells.get("uuid")),
    product: plain(cells.get("name") ?? ""),
    memoryBytes: mebibytesCell(cells.get("memory.total")),
    usedBytes: mebibytesCell(cells.get("memory.used")),
    utilisation: percent === null || percent > 100 ? null : percent / 100,
    computeCapability: matched(cells.get("compute_cap"), /^\d{1,2}\.\d$/),
    driver: matched(cells.get("driver_version"), /^\d{1,4}(\.\d{1,4}){0,3}$/),
    split: cells.get("mig.mode.current") === "Enabled",
  };
}

function readProcess(cells: ReadonlyMap<string, string>): SmiProcess | null {
  const pid = integerCell(cells.get("pid"));
  if (pid === null) return null;
  return {
    uuid: uuidCell(cells.get("gpu_uuid")),
    pid,
    usedBytes: mebibytesCell(cells.get("used_memory")),
    name: plain(cells.get("process_name") ?? ""),
  };
}

/** The cells of a line of `--format=csv`, by field; the last one takes the rest. Null where there are too few. */
export function cellsOf(line: string, fields: readonly string[]): ReadonlyMap<string, string> | null {
  const parts = line.split(",").map((part) => part.trim());
  if (parts.length < fields.length) return null;
  const last = fields.length - 1;
  const cells = [...parts.slice(0, last), parts.slice(last).join(", ")];
  return new Map(fields.map((field, i) => [field, cells[i] as string]));
}

/** A cell that holds a number that is not negative; null for `[N/A]`, `[Not Supported]` and whatever else stands there. */
export function numberCell(cell: string | undefined): number | null {
  return cell !== undefined && /^\d{1,9}(\.\d{1,6})?$/.test(cell) ? Number(cell) : null;
}

/** A cell in MiB, in bytes. */
export function mebibytesCell(cell: string | undefined): number | null {
  const mebibytes = numberCell(cell);
  return mebibytes === null ? null : mebibytes * MIB;
}

/** A cell that holds an integer that is not negative, such as an index or a process's id. */
export function integerCell(cell: string | undefined): number | null {
  return cell !== undefined && /^\d{1,9}$/.test(cell) ? Number(cell) : null;
}

function uuidCell(cell: string | undefined): string | null {
  return matched(cell, /^GPU-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i);
}

function matched(cell: string | undefined, pattern: RegExp): string | null {
  return cell !== undefined && pattern.test(cell) ? cell : null;
}

/** What a tool wrote, for a message: one line without control characters, cut to 160 characters. */
function plain(text: string): string {
  const line = text.replace(/[\p{C}\s]+/gu, " ").trim();
  return line.length > 160 ? `${line.slice(0, 157)}...` : line;
}

function firstLine(...texts: readonly string[]): string {
  const found = texts.map((text) => text.trim().split("\n")[0] ?? "").find((line) => line !== "");
  return plain(found ?? "");
}
