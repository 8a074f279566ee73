import { basename, dirname } from "node:path";

/**
 * Every message the library can fail with. A message names the value, the rule
 * and the way out. Values that come from documents, files or models pass through
 * {@link quote}, so that they can't forge a line or colour a terminal.
 */

/** The one error class of the library; `code` is stable, the message is for people. */
export class RagError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "RagError";
    this.code = code;
  }

  /** What a notebook prints of an error: the message, not the library's own frames; those are in `stack`. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return `${this.name} [${this.code}]: ${this.message}`;
  }
}

/** A foreign value for a message: JSON-quoted, control and bidirectional characters escaped, cut to 120 characters. */
export function quote(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? String(value));
  const short = text.length > 120 ? `${text.slice(0, 117)}...` : text;
  return escapeInvisible(JSON.stringify(short));
}

function escapeInvisible(json: string): string {
  return json.replace(
    /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** A sentence of ours that holds foreign words: without control characters, on one line. */
function onOneLine(text: string): string {
  return escapeInvisible(text.replace(/[\p{Cc}\s]+/gu, " ")).trim();
}

/** `a, b and 3 more`, each quoted. */
export function quoteList(values: readonly unknown[], most = 8): string {
  const head = values.slice(0, most).map(quote).join(", ");
  return values.length > most ? `${head} and ${values.length - most} more` : head;
}

// store

/** Why a write failed, in words, and the way out. */
function diskRemedy(cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException | null)?.code;
  if (code === "ENOSPC" || code === "EDQUOT")
    return "The disk is full. Free space there, or open the session with another dir, and run the cell again: what was finished is kept.";
  if (code === "EROFS") return "The disk is read-only. Open the session with a dir on a disk that can be written.";
  if (code === "EACCES" || code === "EPERM") return "This user may not write there. Open the session with another dir.";
  return `The system says: ${cause instanceof Error ? cause.message : String(cause)}.`;
}

/** A write to the session's folder failed. */
export function storeWriteFailed(path: string, what: string, cause: unknown): RagError {
  return new RagError("store_write_failed", `Can't write ${what} to ${quote(path)}. ${diskRemedy(cause)}`, { cause });
}

/** A write that the disk has no room for. */
export function diskTooSmall(
  what: string,
  folder: string,
  short: {
    readonly needed: number;
    readonly free: number;
    /** What a folder may hold, where that is what is too small. */
    readonly quota: { readonly folder: string; readonly bytes: number } | null;
  },
  elsewhere: string,
): RagError {
  const { needed, free, quota } = short;
  const where =
    quota === null
      ? `where ${roughly(free)} are free`
      : `and of the ${roughly(quota.bytes)} that ${quote(quota.folder)} may hold (the setting diskQuotaBytes) ${roughly(free)} are left`;
  return new RagError(
    "disk_too_small",
    `${what} needs up to ${roughly(needed)} in ${quote(folder)}, ${where}. It was not begun. Free space there (listRuns(session) shows old runs, removeRuns(session, { unused: true }) removes them), or ${elsewhere}.`,
  );
}

/** A file of the session's folder that is there and can't be read. */
export function storeUnreadable(path: string, what: string, cause: unknown): RagError {
  const words = cause instanceof Error ? cause.message : String(cause);
  return new RagError(
    "store_unreadable",
    `Can't read ${what} from ${quote(path)}. The system says: ${words}. Make the file readable, or move it away: it is begun anew.`,
    { cause },
  );
}

/** A file of kept vectors can't be taken over. */
export function vectorCacheNotImported(source: string, path: string, problem: string): RagError {
  return new RagError(
    "vector_cache_not_imported",
    `The vectors in ${quote(source)} can't be taken over into the vector cache ${quote(path)}: ${quote(problem)}. Name a file that a vector cache wrote, and a cache that can be written; without them vectors are computed again.`,
  );
}

/** A purge that names nothing. */
export function nothingToPurge(models: readonly string[]): RagError {
  const known = models.length > 0 ? `; it has vectors of ${models.map((key) => quote(key)).join(", ")}` : "";
  return new RagError(
    "nothing_to_purge",
    `purgeCache(session, ...) removes vectors from the vector cache and was told of none: name { model: "..." }, { olderThanDays: 30 }, both, or { all: true }${known}. Models are not touched by it.`,
  );
}

/** The vector cache is switched off. */
export function vectorCacheOff(): RagError {
  return new RagError(
    "vector_cache_off",
    "The session's vector cache is switched off (vectorCache: null), so it has nothing to purge. Open the session with a path, or without the setting.",
  );
}

/** A stored run that can't be trusted. @param path its `run.json`, in the folder that bears its id */
export function runFileDamaged(path: string, problem: string): RagError {
  const dir = dirname(path);
  return new RagError(
    "run_damaged",
    `The stored run ${quote(basename(dir))} can't be used, because of its ${basename(path)}: ${problem}. Run that stage's cell again with { rerun: true }, or remove its folder ${quote(dir)}; it is then computed again.`,
  );
}

/** A stored run that a later version of the library wrote. @param path its `run.json`, in the folder that bears its id */
export function runFileNewer(path: string, schema: string, known: string): RagError {
  const dir = dirname(path);
  return new RagError(
    "run_newer",
    `The stored run ${quote(basename(dir))} was made by a newer rag-cells: its ${basename(path)} has the schema ${quote(schema)}, this version reads ${known}. Use the newer version, or run that stage's cell again with { rerun: true }, which puts a run of this version in its place (${quote(dir)}).`,
  );
}

/** A run that is not on disk. */
export function unknownRun(id: unknown, name: string): RagError {
  return new RagError(
    "unknown_run",
    `Session ${quote(name)} has no run ${quote(id)}, neither finished nor in the making. listRuns(session) shows what there is.`,
  );
}

/** A run that others were made from. */
export function runNeeded(id: string, others: readonly string[]): RagError {
  const many = others.length === 1 ? "1 run that stays was" : `${others.length} runs that stay were`;
  return new RagError(
    "run_needed",
    `Run ${id} can't be removed alone: ${many} made from it, ${quoteList(others)}. Nothing was removed. Name those too, or let removeRuns(session, { unused: true }) find what no latest run needs.`,
  );
}

/** Another kernel writes to the session. */
export function sessionInUse(name: string, path: string, owner: { pid: number; host: string } | null): RagError {
  const who = owner ? `process ${owner.pid} on ${quote(owner.host)}` : "another process";
  return new RagError(
    "session_in_use",
    `Session ${quote(name)} is open in ${who}; one kernel at a time writes to a session. Shut that kernel down, or open the session under another name. If it is surely gone, remove ${quote(path)}.`,
  );
}

// session and stages

/** A setting that can't be used. */
export function badSetting(key: string, value: unknown, source: string, problem: string): RagError {
  return new RagError("bad_setting", `Setting ${quote(key)} = ${quote(value)} (from ${quote(source)}): ${problem}.`);
}

/** A configuration file that can't be used. */
export function badConfigFile(file: string, problem: string): RagError {
  return new RagError(
    "bad_config_file",
    `Configuration file ${quote(file)} can't be used: ${problem}. Correct it or remove it.`,
  );
}

/** A session name that is no folder name. */
export function badSessionName(name: unknown): RagError {
  return new RagError(
    "bad_session_name",
    `Session name ${quote(name)}: use 1 to 64 letters, digits, "-", "_" or ".", beginning with a letter or digit. The name is the session's folder.`,
  );
}

/** A device that was asked for, or is there, and can't be used. `remedy` has no full stop. */
export function deviceNotUsable(device: string, problem: string, remedy: string): RagError {
  return new RagError(
    "device_not_usable",
    `Device ${quote(device)} can't be used. ${onOneLine(problem)}. ${remedy}. To compute on the processor all the same, and slower, pass device: "cpu" to openSession; doctor(session) looks at everything.`,
  );
}

/** Weights that would run on a kind of device, and be slow or wrong without a word. */
export function dtypeNotForDevice(key: string, dtype: string, kind: string, why: string): RagError {
  return new RagError(
    "dtype_not_for_device",
    `${quote(key)}: weights in ${quote(dtype)} are not for device ${quote(kind)}: ${onOneLine(why).replace(/\.$/, "")}. Set dtype to "auto", or compute them with device: "cpu".`,
  );
}

/** Weights in bfloat16 for a GPU that has none. */
export function bfloatNotForDevice(key: string, file: string, device: string, capability: string): RagError {
  return new RagError(
    "dtype_not_for_device",
    `${quote(key)}: the weights in ${quote(file)} are bfloat16, and ${quote(device)} has compute capability ${quote(capability)}: bfloat16 begins with 8.0. Name an fp16 or fp32 file in the model's row (addModels), or set dtype to "fp32".`,
  );
}

/** A graph whose arithmetic is not where it was asked to be. `counts` has nodes by provider and operator. */
export function graphMisplaced(model: string, device: string, counts: string): RagError {
  return new RagError(
    "graph_misplaced",
    `Model ${quote(model)} does not run on device ${quote(device)}: a probe found matrix products, attention, softmax or normalisation on the CPU (${onOneLine(counts)}). Take other weights (dtype) or another model, or pass device: "cpu".`,
  );
}

/** A setting that names or describes simulated GPUs, and does not; `problem` is ours, or a system's word. */
export function badSimulation(value: string, names: readonly string[], problem: string): RagError {
  return new RagError(
    "bad_simulation",
    `The setting simulation is ${quote(value)}, and no GPUs can be made of it: it is none of ${names.join(", ")}, and as a file: ${quote(problem)}. Name one of those, or a JSON file as docs/devices.md describes it.`,
  );
}

/** A device that another stage, session or kernel has; `holder` comes from a file that it wrote. */
export function deviceBusy(
  device: string,
  holder: { readonly pid: number; readonly owner: string } | null,
  seconds: number,
): RagError {
  const who = holder ? `process ${holder.pid} has it, for ${quote(holder.owner)}` : "another process has it";
  return new RagError(
    "device_busy",
    `Waited ${Math.round(seconds)} s for the device ${device}, and ${who}. Wait until that is done and run the cell again, stop it there, or open the session with a longer leaseWaitSeconds.`,
  );
}

/** The folder in which processes queue for devices is not ours alone. */
export function leaseFolderUnfit(path: string, problem: string): RagError {
  return new RagError(
    "lease_folder_unfit",
    `The folder ${quote(path)}, in which processes queue for a GPU, can't be used: ${problem}. Remove it, or set the variable TMPDIR to a folder of your own and start the kernel again.`,
  );
}

/** The first argument is no session. */
export function notASession(value: unknown): RagError {
  return new RagError(
    "not_a_session",
    `Expected a session, got ${describe(value)}. Pass what openSession returned, from this kernel: const session = await rag.openSession({ name: "docs" }).`,
  );
}

/** A closed session was used. */
export function sessionClosed(name: string): RagError {
  return new RagError("session_closed", `Session ${quote(name)} is closed. Run the openSession cell again.`);
}

/** A run of another stage was passed. */
export function wrongRun(expected: string, value: unknown, verb: string): RagError {
  return new RagError("wrong_run", `Expected ${expected}, got ${describe(value)}. Pass what ${verb} returned.`);
}

/** Two stages at once. */
export function stageBusy(running: string, wanted: string): RagError {
  return new RagError(
    "stage_busy",
    `The ${running} stage is still running in this session, so ${wanted} can't begin. Await the first call, or interrupt the kernel and run the cell again.`,
  );
}

/** The operator pressed Stop. */
export function stopped(where: string): RagError {
  return new RagError(
    "stopped",
    `Stopped ${where}. What was finished is kept: run the cell again to go on from there.`,
  );
}

/** The machine's session ends soon: a stage was stopped, or not begun, and the session packed. */
export function sessionEnding(end: {
  readonly stage: string;
  /** False where the stage was not begun. */
  readonly begun: boolean;
  readonly progress: { readonly model: string; readonly done: number; readonly total: number } | null;
  readonly leftSeconds: number;
  readonly limitSeconds: number;
  readonly session: string;
  readonly pack: { readonly path: string; readonly bytes: number } | null;
  /** Why it was not packed. */
  readonly failure: unknown;
}): RagError {
  const { stage, begun, progress, session, pack, failure } = end;
  const time = `${minutesOf(end.leftSeconds)} of the session's ${minutesOf(end.limitSeconds)} are left`;
  const what = begun ? `The ${stage} stage was stopped` : `The ${stage} stage was not begun`;
  const kept =
    progress === null
      ? ""
      : ` ${progress.done} of ${progress.total} rows are done and kept, with model ${quote(progress.model)}.`;
  const file = pack === null ? null : basename(pack.path);
  const way =
    pack === null
      ? `The session could not be packed: ${failure instanceof Error ? failure.message : String(failure)} Mend that and call checkpoint(session) while there is time.`
      : `The session is packed in ${quote(pack.path)} (${roughly(pack.bytes)}). Download ${quote(file)}, or save a version of the notebook with its output, and attach it to the next session. Run the same cells there with openSession({ name: ${quote(session)}, from: ".../${file}" }): they go on from here.`;
  return new RagError(
    "session_ending",
    `${what}: ${time}.${kept} ${way} To go on in this session all the same, open it with endMarginMinutes: 0, or with the right sessionHours.`,
    failure === null ? {} : { cause: failure },
  );
}

/** `2 h 05 min`, or `4 min 10 s`. */
function minutesOf(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const minutes = Math.floor(whole / 60);
  return minutes >= 60
    ? `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`
    : `${minutes} min ${String(whole % 60).padStart(2, "0")} s`;
}

/** Runs that don't belong together. */
export function foreignRun(what: string, id: string, from: string, wanted: string, wantedId: string): RagError {
  return new RagError(
    "foreign_run",
    `${what} ${id} was made from ${from}, but ${wanted} is ${wantedId}. Runs of different corpora can't be combined: run the cell of ${what} again on ${wantedId}, or pass the runs that belong to ${from}.`,
  );
}

/** A run is made from one that the session does not have. */
export function inputMissing(missing: {
  readonly stage: string;
  readonly input: string;
  readonly id: string;
  /** The other runs that it would be made from. */
  readonly others: readonly string[];
  readonly session: string;
  /** The verb that makes the missing run. */
  readonly verb: string;
}): RagError {
  const { stage, input, id, others, session, verb } = missing;
  const beside = others.length === 0 ? "" : `, beside ${others.join(" and ")}`;
  return new RagError(
    "input_missing",
    `The ${stage} stage would be made from ${input} run ${id}${beside}, and session ${quote(session)} has no ${input} run of that id: it is another session's, or its folder was removed. Run the ${verb} cell in this session (the same input gives the same id) and the cells behind it, or open the session that has it and run this cell there.`,
  );
}

/** A ranking of other candidates than those of the runs beside it. */
export function foreignRanking(rerank: string, fused: string, stage: string, from: string, given: string): RagError {
  return new RagError(
    "foreign_run",
    `rerank run ${rerank} ranks the candidates of fused run ${fused}, which were found in ${stage} run ${from}, but the ${stage} run given is ${given}. Pass ${from}, or run fuse and rerank again on ${given}.`,
  );
}

/** Nothing stored for a stage. */
export function noRunYet(stage: string, name: string, verb: string): RagError {
  return new RagError("no_run_yet", `Session ${quote(name)} has no finished ${stage} run. Run the ${verb} cell first.`);
}

/** No vectors of this name in a run. */
export function unknownVectors(name: string, known: readonly string[]): RagError {
  return new RagError("unknown_vectors", `The run has no vectors named ${quote(name)}; it has ${quoteList(known)}.`);
}

/** Model output with a NaN or an infinity. */
export function nonFiniteVector(model: string, chunkId: string, row: number, document: string): RagError {
  return new RagError(
    "non_finite",
    `Model ${quote(model)} gave NaN or infinity for chunk ${chunkId} (row ${row}, ${quote(document)}). Nothing was stored as finished. Try dtype "fp32", or take that document out and report it to the model's authors.`,
  );
}

/** Model output of a wrong width. */
export function wrongDimension(model: string, expected: number, got: number): RagError {
  return new RagError(
    "wrong_dimension",
    `Model ${quote(model)} gave ${got} numbers for a text; its row in the registry says ${expected}. Correct the row, or the files are another model's.`,
  );
}

/** Text for what an unexpected value is. */
function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== "object") return `${typeof value} ${quote(value)}`;
  const { kind, id } = value as { kind?: unknown; id?: unknown };
  if (typeof kind === "string") return `a ${quote(kind)} ${typeof id === "string" ? quote(id) : "value"}`;
  return Array.isArray(value) ? "an array" : "an object that no verb of rag-cells returned";
}

/** Adds to an error that came out of a pass how far it was; other errors pass through. */
export function inPass(error: unknown, stage: string, model: string, done: number, total: number): unknown {
  if (!(error instanceof RagError)) return error;
  const where = `in the ${stage} stage, model ${quote(model)}, with ${done} of ${total} rows done`;
  if (error.code === "stopped") return stopped(where);
  const way = done > 0 ? " What was done is kept: run the cell again to go on from there." : "";
  return new RagError(error.code, `${error.message} (${where})${way}`, { cause: error });
}

// array files

/** An array file that can't be read as what it should be. */
export function arrayFileDamaged(path: string, problem: string, cause?: unknown): RagError {
  const message = `Can't read the array file ${quote(path)}: ${problem}. Run the cell of the stage that made it again with { rerun: true }, or take the file from its source again.`;
  return new RagError("array_damaged", message, cause === undefined ? {} : { cause });
}

/** Numbers that do not make the array they were meant for. */
export function arrayShapeWrong(path: string, problem: string): RagError {
  return new RagError(
    "array_shape",
    `Can't write the array file ${quote(path)}: ${problem}. Arrays have 1 or 2 dimensions, and exactly rows x columns numbers of one type.`,
  );
}

// notebook and cli

/** A kernel that gave no sign of life. */
export function kernelNotStarted(cwd: string, why: string): RagError {
  return new RagError(
    "kernel_not_started",
    `The TypeScript kernel did not start in ${quote(cwd)}: ${quote(why)}. Check that the folder exists and that npm ci ended without errors.`,
  );
}

/** A kernel process that ended by itself. */
export function kernelDied(how: string, lastWords: string): RagError {
  const said = lastWords === "" ? "It wrote nothing before its end" : `Its last words: ${quote(lastWords.slice(-110))}`;
  return new RagError(
    "kernel_died",
    `The kernel's process ended (${how}) and took the notebook's variables with it. ${said}. Run the notebook again: what was stored is reused. SIGKILL from outside mostly means that the system ran out of memory.`,
  );
}

/** A value that Python could not hold exactly. */
export function valueRefused(path: string, problem: string, remedy: string): RagError {
  return new RagError("value_refused", `${escapeInvisible(path)} ${problem}. ${remedy}`);
}

/** A file with a value from Python that is not what Python said it wrote. */
export function valueDamaged(path: string, problem: string): RagError {
  return new RagError(
    "value_damaged",
    `The value in ${quote(path)} did not arrive whole: ${problem}. Run the %ts_put line again.`,
  );
}

/** A kernel that lives but does no work. */
export function kernelStuck(what: string): RagError {
  return new RagError(
    "kernel_stuck",
    `The kernel ${what}. Run the notebook again in a new kernel; a loop without an await can't be stopped, so give it one.`,
  );
}

/** A message that no kernel of ours can have sent. */
export function badKernelMessage(what: string): RagError {
  return new RagError(
    "bad_kernel_message",
    `A message from the kernel ${what}. Another process may have opened its sockets: run the notebook again.`,
  );
}

/** A system without the sockets the kernel client uses. */
export function ipcMissing(platform: string): RagError {
  return new RagError(
    "ipc_missing",
    `zeromq has no Unix sockets on ${quote(platform)}, and the built-in notebook runner needs them. Use Jupyter there: npm run kernel, then npm run lab.`,
  );
}

/** A temporary folder too deep for a socket. */
export function socketPathTooLong(path: string, limit: number): RagError {
  return new RagError(
    "socket_path_too_long",
    `The kernel's socket path ${quote(path)} would be longer than the ${limit} bytes a system allows. Set TMPDIR to a shorter folder, such as /tmp.`,
  );
}

/** A kernelspec folder that can't be written. */
export function kernelspecUnwritable(path: string, cause: unknown): RagError {
  return new RagError(
    "kernelspec_unwritable",
    `Can't write the kernelspec ${quote(path)} (${reason(cause)}). Name a folder that you may write to: npm run kernel -- --prefix DIR, and put DIR/share/jupyter on JUPYTER_PATH.`,
    { cause },
  );
}

/** A file that can't be run as a notebook. */
export function badNotebook(path: string, why: string): RagError {
  return new RagError(
    "bad_notebook",
    `${quote(path)} is no notebook that can be run: ${why}. It must be an .ipynb file of nbformat 4.`,
  );
}

/** The message of a notebook run that stopped at a cell; the cell is named by number and first line. */
export function cellFailed(notebook: string, cell: number, of: number, firstLine: string, failure: string): string {
  return `${quote(notebook)} stopped at code cell ${cell} of ${of}, ${quote(firstLine)}:\n${failure}`;
}

/** A command that does not exist. */
export function unknownVerb(verb: string, near: readonly string[], all: readonly string[]): RagError {
  const guess = near.length > 0 ? ` Did you mean ${near.join(" or ")}?` : "";
  return new RagError(
    "unknown_verb",
    `There is no command ${quote(verb)}.${guess} The commands are ${all.join(", ")}.`,
  );
}

/** Arguments that a command can't read. */
export function badArguments(verb: string, why: string): RagError {
  return new RagError("bad_arguments", `rag-cells ${verb}: ${why} See: rag-cells help.`);
}

/** A run whose result would replace its source. */
export function wouldOverwrite(path: string): RagError {
  return new RagError(
    "would_overwrite",
    `The executed notebook would replace ${quote(path)} itself. Name another folder with --out.`,
  );
}

/** A Node that is too old. */
export function nodeTooOld(version: string): RagError {
  return new RagError(
    "node_too_old",
    `rag-cells needs Node 22.13 or later and this is ${version}. Its npm scripts bring their own Node 24: npm start, or npm exec -- rag-cells.`,
  );
}

/** No JupyterLab on the PATH. */
export function jupyterMissing(why: string): RagError {
  return new RagError(
    "jupyter_missing",
    `JupyterLab could not be started (${why}). Install it (pip install jupyterlab, in a virtual environment that is active) and run npm run lab again; npm start runs the journey without Jupyter and without Python.`,
  );
}

/** A link that something else stands in the way of. */
export function linkBlocked(path: string): RagError {
  return new RagError(
    "link_blocked",
    `${quote(path)} exists and is no link, so the package can't be made importable by its name. Remove it and run npm run build.`,
  );
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : quote(cause);
}

// sparse: BM25

/** A BM25 setting outside its range. */
export function badBm25Setting(name: string, value: unknown, rule: string): RagError {
  return new RagError(
    "bad_bm25_setting",
    `BM25's ${name} ${rule}, it was given as ${quote(value)}. Leave it out for the usual value.`,
  );
}

// stages

/** A chunk run without chunks. */
export function emptyCorpus(id: string): RagError {
  return new RagError(
    "empty_corpus",
    `Chunk run ${id} has no chunks: its documents hold blank text only. Point chunk() at documents with text.`,
  );
}

/** A dimension that a model's vectors can't be cut to. */
export function badDimension(model: string, wanted: number, allowed: readonly number[]): RagError {
  return new RagError(
    "bad_dimension",
    `Model ${quote(model)} can't be cut to ${wanted} dimensions; its authors trained ${allowed.join(", ")}. Choose one of these.`,
  );
}

/** A mean was asked for over vectors of different dimensions. */
export function dimensionsDiffer(parts: readonly { name: string; dim: number }[]): RagError {
  const dims = parts.map((part) => `${quote(part.name)} ${part.dim}`).join(", ");
  return new RagError(
    "dimensions_differ",
    `A mean needs equal dimensions; these are ${dims}. Choose fusion "concat", or a dim that all of them can be cut to.`,
  );
}

/** An option of a verb that can't be used. */
export function badOption(name: string, value: unknown, rule: string): RagError {
  return new RagError("bad_option", `Option ${quote(name)} = ${quote(value)}: ${rule}.`);
}

/** The text of queries is needed and not here. */
export function queriesMissing(id: string, missing: number, total: number): RagError {
  return new RagError(
    "queries_missing",
    `The text of ${missing} of ${total} queries of fused run ${id} is not here: queries are kept on disk as hashes only. Run the queries and fuse cells again, or pass the same queries: rerank(session, fused, { queries }).`,
  );
}

/** A model's files are no longer those a run was made with. */
export function modelChanged(model: string, runId: string): RagError {
  return new RagError(
    "model_changed",
    `Model ${quote(model)} is not as run ${runId} used it (its files or its pooling differ), so its vectors and the queries' would not fit together. Run that stage's cell again, or bring the old files back.`,
  );
}

/** What was written and what is read back differ. */
export function exportNotVerified(folder: string, failed: readonly { name: string; detail: string }[]): RagError {
  const what = failed.map(({ name, detail }) => `${name} (${detail})`).join("; ");
  return new RagError(
    "export_not_verified",
    `The collection in ${quote(folder)} was written, but read back from disk it failed: ${what}. Its manifest was removed, so nothing takes it for finished. Check the disk, then run the cell again.`,
  );
}

/** No ranked list to fuse. */
export function nothingToFuse(): RagError {
  return new RagError(
    "nothing_to_fuse",
    "fuse() was given no run with vectors: pass at least one dense or sparse run that is not skipped, as fuse(session, queries, [dense, sparse]).",
  );
}

/** Two runs of one stage. */
export function sameStageTwice(stage: string, a: string, b: string): RagError {
  return new RagError(
    "same_stage_twice",
    `Two ${stage} runs were given, ${a} and ${b}. Pass the one that is meant; explain(run) shows what each was made from.`,
  );
}

// export

/** A FAISS index file that can't be read. */
export function indexFileDamaged(path: string, problem: string, cause?: unknown): RagError {
  return new RagError(
    "index_damaged",
    `Can't read the FAISS index ${quote(path)}: ${problem}. Export the collection again, or open the file with FAISS itself.`,
    cause === undefined ? {} : { cause },
  );
}

// runtime

/** A child process of ours ended by itself. */
export function inferenceProcessDied(
  model: string,
  how: { code: number | null; signal: string | null; stderr: string },
): RagError {
  const end = how.signal === null ? `exit code ${how.code}` : `signal ${how.signal}`;
  const last = how.stderr.trim() === "" ? "It wrote nothing to stderr" : `Its last words were ${quoteEnd(how.stderr)}`;
  const memory =
    how.signal === "SIGKILL"
      ? " The system may have ended it for want of memory: a smaller tokenBudget needs less."
      : "";
  return new RagError(
    "inference_process_died",
    `The inference process of model ${quote(model)} died with ${end}. ${last}.${memory || " If it dies there again, see what doctor(session) says of the device."}`,
    { cause: `${end}. ${last}` },
  );
}

/** A model that can't be loaded; `words` are onnxruntime's, or say what is wrong with the file. */
export function modelNotLoaded(model: string, file: string, words: string): RagError {
  return new RagError(
    "model_not_loaded",
    `Model ${quote(model)} can't be loaded from ${quote(file)}: ${quoteEnd(words)}. If the file should be right, remove it and prime the cache again; else correct the model's row in the registry.`,
  );
}

/** onnxruntime refused a batch; the process lives on. */
export function inferenceFailed(model: string, rows: number, length: number, words: string): RagError {
  return new RagError(
    "inference_failed",
    `Model ${quote(model)} failed on a batch of ${rows} rows of ${length} tokens: ${quoteEnd(words)}. If memory was short, lower tokenBudget; if an index was out of bounds, the tokenizer or the length limit is not this model's.`,
    { cause: words },
  );
}

/** What a device or its process said, where an error hands that on; else the error's own message. */
export function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return typeof error.cause === "string" ? error.cause : error.message;
}

/** Memory did not do for a batch, or for loading the model (`batch` null); the process lives on. */
export function outOfMemory(
  model: string,
  batch: { readonly rows: number; readonly length: number } | null,
  words: string,
): RagError {
  const what = batch ? `for a batch of ${batch.rows} rows of ${batch.length} tokens` : "while it was loaded";
  return new RagError(
    "out_of_memory",
    `Model ${quote(model)} ran out of memory ${what}: ${quoteEnd(words)}. ${batch ? "Lower tokenBudget" : "Choose a smaller model, or weights of a smaller dtype"}, or end what else uses that memory.`,
    { cause: words },
  );
}

/** An inference process did not answer in time and was killed. */
export function inferenceTimeout(model: string, rows: number, length: number, seconds: number): RagError {
  return new RagError(
    "inference_timeout",
    `Model ${quote(model)} gave no answer to a batch of ${rows} rows of ${length} tokens within ${seconds} s, and its process was killed. Run the cell again: it goes on behind the last finished batch. Where batches really take so long, raise batchTimeoutSeconds.`,
  );
}

/** A GPU did not load a model in time, and the process was killed. */
export function modelLoadTimeout(model: string, device: string, seconds: number): RagError {
  return new RagError(
    "model_load_timeout",
    `Model ${quote(model)} was not loaded on device ${quote(device)} within ${seconds} s, and its process was killed. The GPU's driver may hang: see what doctor(session) says of it, and take another machine. Run the cell again: it goes on behind the last finished batch. Where the disk with the weights is so slow, raise loadTimeoutSeconds.`,
  );
}

/** A batch of a plan that may not be changed did not fit on a device. */
export function batchTooLarge(device: string, rows: number, length: number, words: string): RagError {
  return new RagError(
    "batch_too_large",
    `A batch of ${rows} rows of ${length} tokens does not fit on ${device}, not even in a fresh process, and deterministic keeps it from being cut: ${quoteEnd(words)}. Set a smaller tokenBudget, or deterministic: false.`,
  );
}

/** Rows that do not fit on a GPU even alone; all others are done. */
export function rowsFailed(
  rows: readonly { readonly name: string; readonly length: number; readonly device: string }[],
  words: string,
): RagError {
  const list = rows.slice(0, 8).map(({ name, length }) => `${quote(name)} (${length} tokens)`);
  const more = rows.length > list.length ? ` and ${rows.length - list.length} more` : "";
  const devices = [...new Set(rows.map(({ device }) => device))].join(", ");
  return new RagError(
    "rows_failed",
    `${rows.length === 1 ? "1 row does" : `${rows.length} rows do`} not fit on ${devices} even alone, in a fresh process: ${list.join(", ")}${more}. The last one said: ${quoteEnd(words)}. All other rows are done and kept. Open the session with failedRows: "cpu" and run the cell again, so that the CPU computes these, or cut the chunks shorter, or take a model with a shorter limit.`,
  );
}

/**
 * A model whose weights, or whose smallest batch, are more than may be used of a device's memory.
 *
 * @param words what the device said; null where it was not asked
 */
export function modelTooLargeForDevice(
  model: string,
  device: string,
  figures: { readonly neededBytes: number; readonly limitBytes: number; readonly weightBytes: number },
  words: string | null = null,
): RagError {
  const gb = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
  const { neededBytes, limitBytes, weightBytes } = figures;
  const needed = `about ${gb(neededBytes)}, ${gb(weightBytes)} of it for its weights, and ${gb(limitBytes)} may be used there`;
  const otherwise = `take weights of a smaller dtype or a smaller model, raise memoryCapBytes where the device has more, or pass device: "cpu".`;
  // Figures that say that it fits explain nothing: something else has the memory.
  const told =
    words !== null && neededBytes <= limitBytes
      ? `Model ${quote(model)} does not fit on ${device}, though it should need ${needed}. The device says: ${quoteEnd(words)}. See in doctor(session) what else uses its memory, and end that; or ${otherwise}`
      : `Model ${quote(model)} needs on ${device} ${needed}. T${otherwise.slice(1)}`;
  return new RagError("model_too_large_for_device", told);
}

/** A batch whose arrays don't fit its shape. */
export function badBatch(problem: string): RagError {
  return new RagError(
    "bad_batch",
    `A batch must be rows x length values in ids, mask and types, at least one of each; this one is ${problem}.`,
  );
}

/** An encoder was used after its end. */
export function encoderClosed(model: string): RagError {
  return new RagError("encoder_closed", `The inference process of model ${quote(model)} was closed. Open it again.`);
}

/** A tokenizer file that can't be used. */
export function badTokenizer(file: string, problem: string): RagError {
  return new RagError(
    "bad_tokenizer",
    `The tokenizer ${quote(file)} can't be used: ${problem}. Prime the cache again, or take the file from the model's own repository.`,
  );
}

/** A length limit that leaves no room for text. */
export function tokenLimitTooSmall(limit: number, needed: number): RagError {
  return new RagError(
    "token_limit_too_small",
    `A limit of ${limit} tokens leaves no room for text: special tokens and one of the text take ${needed}. Raise the limit.`,
  );
}

/** The end of foreign output, where the cause stands: on one line, quoted, at most 1000 characters. */
function quoteEnd(text: string): string {
  const line = text.trim().replace(/\s+/g, " ");
  return escapeInvisible(JSON.stringify(line.length > 1000 ? `...${line.slice(-997)}` : line));
}

// fuse: search, fusion, queries

/** Query vectors of another dimension than the rows. */
export function searchDimension(query: number, rows: number): RagError {
  return new RagError(
    "dimension_mismatch",
    `The queries have ${query} dimensions and the rows ${rows}. Encode both with one model, cut to the same dimension.`,
  );
}

/** Query vectors of another index space than the rows. */
export function searchSpace(query: string, rows: string): RagError {
  return new RagError(
    "space_mismatch",
    `The queries are in the space ${quote(query)} and the rows in ${quote(rows)}: an index means something else in each. Encode the queries with the engine of the rows.`,
  );
}

/** A number of results that can't be asked for. */
export function badK(k: unknown): RagError {
  return new RagError("bad_k", `${quote(k)} results were asked for: a whole number of at least 1 is needed.`);
}

/** A score that is NaN or infinite. */
export function nonFiniteScore(row: number, query: number): RagError {
  return new RagError(
    "non_finite_score",
    `The score of row ${row} for query ${query} is no finite number, so one of the two vectors is damaged. Run the dense stage again with { rerun: true }.`,
  );
}

/** A ranked list that can't be fused. */
export function badRankedList(source: string, problem: string): RagError {
  return new RagError(
    "bad_ranked_list",
    `The ranked list ${quote(source)} can't be fused: ${problem}. A list has each row once, with a finite score, best first.`,
  );
}

/** A setting of the fusion outside its range. */
export function badFusionSetting(name: string, value: unknown, rule: string): RagError {
  return new RagError(
    "bad_fusion_setting",
    `The fusion's ${name} ${rule}; given was ${quote(value)}. Leave it out for the usual value.`,
  );
}

/** No query. */
export function noQueries(given: unknown): RagError {
  return new RagError(
    "no_queries",
    `queries() takes an array of at least one text; given was ${quote(given)}. Write queries(["how do I export tables?"]), or read a file with queriesFromFile(path).`,
  );
}

/** A text that can't be a query. */
export function badQuery(place: string, text: unknown, problem: string): RagError {
  return new RagError(
    "bad_query",
    `${quote(place)} can't be searched for: ${problem}. It is ${quote(text)}. Change or remove it.`,
  );
}

/** A file of queries that can't be read. */
export function badQueryFile(path: string, problem: string, cause?: unknown): RagError {
  return new RagError(
    "bad_query_file",
    `Can't read queries from ${quote(path)}: ${problem}. A file of queries is UTF-8: .txt with one a line, or .json with an array of strings or a list of questions.`,
    { cause },
  );
}

/** No heading to make a query of. */
export function noHeadings(): RagError {
  return new RagError(
    "no_headings",
    'The corpus has no heading with a letter in it, so no query can be made of headings. Write your own: queries(["..."]).',
  );
}

/** A sample that can't be drawn. */
export function badHeadingSample(name: string, value: unknown, rule: string): RagError {
  return new RagError("bad_heading_sample", `The sample's ${name} ${rule}; given was ${quote(value)}.`);
}

/** Two sources of one export that have different numbers of rows. */
export function rowsDiffer(name: string, rows: number, count: number): RagError {
  return new RagError(
    "rows_differ",
    `${quote(name)} has ${rows} rows and the corpus ${count} chunks: they don't belong together. Run the stages again on the same chunk run, then export.`,
  );
}

/** Two chunks that would become one point. */
export function duplicatePoint(chunkId: string, row: number, document: string): RagError {
  return new RagError(
    "duplicate_point",
    `Chunk id ${quote(chunkId)} comes twice, the second time in row ${row} (${quote(document)}); a later point would replace an earlier one. Chunk ids must be unique: run the chunk cell again.`,
  );
}

/** A vector that holds NaN or infinity at export time. */
export function nonFiniteExport(name: string, chunkId: string, row: number, document: string): RagError {
  return new RagError(
    "non_finite",
    `Vector ${quote(name)} of chunk ${quote(chunkId)} (row ${row}, ${quote(document)}) holds NaN or infinity, which no vector store takes. Run the stage that made it again with { rerun: true }.`,
  );
}

/** A collection name that no vector store takes. */
export function badCollectionName(name: unknown): RagError {
  return new RagError(
    "bad_collection_name",
    `Collection name ${quote(name)}: use 1 to 128 letters, digits, spaces, ".", "_" or "-", beginning with a letter or digit. Qdrant keeps the collection in a folder of this name.`,
  );
}

/** A search that FAISS would not survive. */
export function badSearch(name: string, value: unknown, rule: string): RagError {
  return new RagError("bad_search", `Search with ${name} = ${quote(value)}: ${rule}.`);
}

/** FAISS could not search a file that has the right form. */
export function faissFailed(path: string, reason: string): RagError {
  return new RagError(
    "faiss_failed",
    `faiss-node could not search ${quote(path)}: ${quote(reason)}. Build it again with npm run setup:faiss, or remove node_modules/faiss-node to do without it.`,
  );
}

// parity

/** A stored baseline that can't be used. */
export function badParityBaseline(path: string, problem: string): RagError {
  return new RagError(
    "bad_parity_baseline",
    `The parity baseline ${quote(path)} can't be used: ${problem}. Write it from what comes out now, and look at what changed before you keep it: checkParity(session, { ..., baseline, write: true }).`,
  );
}

// models

/** A name that no row of the registry has. */
export function unknownModel(name: unknown, near: readonly string[], known: readonly string[]): RagError {
  const guess = near.length > 0 ? ` Did you mean ${quoteList(near)}?` : "";
  return new RagError(
    "unknown_model",
    `There is no model ${quote(name)} in the registry.${guess} It knows ${quoteList(known, 20)}. Another model needs a row: openSession({ ..., addModels: [row] }).`,
  );
}

/** A model of another role than the stage needs. */
export function wrongRole(key: string, is: string, wanted: string, known: readonly string[]): RagError {
  return new RagError(
    "wrong_role",
    `${quote(key)} is a ${is} model, and a ${wanted} model is needed, such as ${quoteList(known, 20)}.`,
  );
}

/** A model that is known, and that no engine here can run. */
export function unusableModel(key: string, role: string, remark: string): RagError {
  return new RagError("unusable_model", `${quote(key)} can't be run in the ${role} stage. ${remark}`);
}

/** A row of the registry that breaks a rule. */
export function badModelRow(row: unknown, problem: string): RagError {
  return new RagError(
    "bad_model_row",
    `The added model row ${quote(row)} can't be used: ${problem}. listModels() shows rows to start from.`,
  );
}

/** A model without an ONNX export. */
export function noOnnx(key: string, remark: string): RagError {
  return new RagError("no_onnx", `${quote(key)} can't be loaded. ${remark}`);
}

/** A dtype that a model's row does not have. */
export function noDtype(key: string, dtype: string, has: readonly string[]): RagError {
  return new RagError(
    "no_dtype",
    `${quote(key)} has no ${quote(dtype)} weights, it has ${quoteList(has)}. Set dtype to one of these, or take another model.`,
  );
}

/** Every file that is missing, of all models at once. */
export function missingModelFiles(
  models: readonly {
    readonly key: string;
    readonly hubId: string;
    readonly dtype: string;
    readonly folder: string | null;
    readonly searched: readonly string[];
    readonly missing: readonly { readonly path: string; readonly bytes: number | null; readonly problem: string }[];
  }[],
  why = "",
): RagError {
  const lines = models.map(({ key, hubId, dtype, folder, missing }) => {
    const files = missing.map(
      ({ path, bytes, problem }) =>
        `${path}${bytes === null ? "" : ` (about ${roughly(bytes)})`}${problem === "missing" ? "" : `: ${problem}`}`,
    );
    const where = folder === null ? `no folder of ${quote(key)} or ${quote(hubId)}` : `in ${quote(folder)}`;
    return `${quote(key)} (${dtype}), ${where}: ${files.join(", ")}`;
  });
  const searched = models[0]?.searched ?? [];
  const sizes = models.flatMap(({ missing }) => missing.map(({ bytes }) => bytes ?? 0)).reduce((a, b) => a + b, 0);
  const total = sizes > 0 ? `, about ${roughly(sizes)} of those whose size is known` : "";
  return new RagError(
    "model_files_missing",
    `Files of ${models.length} ${models.length === 1 ? "model are" : "models are"} missing${total}.\n- ${lines.join("\n- ")}\nSearched: ${searched.length === 0 ? "nowhere, modelDirs is empty" : quoteList(searched)}.${why === "" ? "" : ` ${why}`} Run primeCache(session) with the internet on, put the files in a folder named as the model's key under one of these, or name the folder that holds the models: openSession({ ..., modelDirs: ["..."] }).`,
  );
}

/** A model file that is a link out of its root. */
export function modelFileOutside(path: string, target: string, root: string): RagError {
  return new RagError(
    "model_file_outside",
    `The model file ${quote(path)} leads to ${quote(target)}, outside of ${quote(root)}. Links must stay inside the folder that is searched: put the file itself there.`,
  );
}

/** External data that is a hard link. */
export function modelFileShared(path: string, names: number): RagError {
  return new RagError(
    "model_file_outside",
    `The external data ${quote(path)} has ${names} names on this disk (hard links), so its bytes may belong to a file outside of the model's folder. Put a copy there: cp --remove-destination "$(realpath FILE)" FILE.`,
  );
}

/** A model file that can't be used. */
export function modelFileBad(path: string, problem: string, cause?: unknown): RagError {
  return new RagError("model_file_bad", `The model file ${quote(path)} can't be used: ${problem}. Fetch it again.`, {
    cause,
  });
}

/** A model's own files that contradict its row. */
export function modelConfigDisagrees(key: string, path: string, problem: string): RagError {
  return new RagError(
    "model_config_disagrees",
    `${quote(path)} does not fit ${quote(key)}: ${problem}. The folder holds another model, or the row is wrong: add a right one with openSession({ ..., addModels: [row] }).`,
  );
}

function roughly(bytes: number): string {
  const [unit, size] = bytes >= 1e9 ? ["GB", 1e9] : bytes >= 1e6 ? ["MB", 1e6] : ["kB", 1e3];
  return `${Number((bytes / (size as number)).toPrecision(3))} ${unit}`;
}

/** A manifest of a later version of this library. */
export function manifestNewer(problem: string): RagError {
  return new RagError(
    "manifest_newer",
    `This manifest is newer than this version of rag-cells: ${problem}. Update rag-cells, or export the collection again with this version.`,
  );
}

/** A file that is no manifest. */
export function manifestUnreadable(problem: string): RagError {
  return new RagError(
    "manifest_unreadable",
    `This is no manifest that can be read: ${problem}. Pass the parsed processing_summary.json of an export.`,
  );
}

// chunk

/** A pattern for documents that can't be used. */
export function badPattern(pattern: unknown, problem: string, instead?: string): RagError {
  const way =
    instead === undefined
      ? 'Name files by their path, or by a pattern such as "corpus/**/*.md".'
      : `To read what is in it, write ${quote(instead)}.`;
  return new RagError("bad_pattern", `${quote(pattern)} ${problem}. ${way}`);
}

/** A pattern whose folder does not exist. */
export function folderMissing(pattern: string, folder: string, above: string, held: readonly string[]): RagError {
  return new RagError(
    "folder_missing",
    `The folder of ${quote(pattern)} does not exist: ${quote(folder)}. The nearest one that does, ${quote(above)}, ${holding(held)}. Relative patterns start in the notebook's folder.`,
  );
}

/** Patterns that match nothing. */
export function noDocuments(patterns: readonly string[], folder: string, held: readonly string[]): RagError {
  return new RagError(
    "no_documents",
    `No file matches ${quoteList(patterns)}. Looked in ${quote(folder)}, which ${holding(held)}. "**" means any folders, "*" any name; hidden files are not matched.`,
  );
}

/** Files of a format that is not read. */
export function unsupportedDocuments(documents: readonly string[], supported: readonly string[]): RagError {
  const many = documents.length === 1 ? "1 matched file is" : `${documents.length} matched files are`;
  return new RagError(
    "unsupported_documents",
    `${many} of a format that this version does not read: ${quoteList(documents)}. It reads ${supported.join(", ")}. Narrow the pattern, such as "corpus/**/*.{md,txt}", or exclude them with a pattern that begins with "!".`,
  );
}

/** Links that leave the corpus. */
export function documentsOutside(documents: readonly string[], folder: string): RagError {
  return new RagError(
    "documents_outside",
    `Links lead out of the corpus root ${quote(folder)}: ${quoteList(documents)}. Only files below it are read. Put the files themselves there, or exclude the links with a pattern that begins with "!".`,
  );
}

/** A document that can't be read at all. */
export function documentUnreadable(document: string, path: string, cause: unknown): RagError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new RagError(
    "document_unreadable",
    `Document ${quote(document)} can't be read from ${quote(path)}: ${quote(why)}. Make it readable, or exclude it.`,
    { cause },
  );
}

/** A document above the size limit. */
export function documentTooLarge(document: string, bytes: number, limit: number): RagError {
  return new RagError(
    "document_too_large",
    `Document ${quote(document)} has ${bytes} bytes, and one document may have ${limit}. Divide it into several files, or exclude it.`,
  );
}

/** A document that is no UTF-8. */
export function notUtf8(document: string, offset: number, byte: number, firstBytes: string): RagError {
  const hex = byte.toString(16).padStart(2, "0");
  const utf16 = firstBytes === "fffe" ? "UTF-16LE" : firstBytes === "feff" ? "UTF-16BE" : null;
  const from = utf16 ?? "WINDOWS-1252";
  const guess =
    utf16 === null ? "If it is text in another encoding, convert it" : `It begins like ${utf16}: convert it`;
  return new RagError(
    "not_utf8",
    `Document ${quote(document)} is no UTF-8: byte 0x${hex} at byte offset ${offset} can't stand there. ${guess}, such as with iconv -f ${from} -t UTF-8, or exclude it.`,
  );
}

/** A document with a NUL character. */
export function binaryDocument(document: string, offset: number): RagError {
  return new RagError(
    "binary_document",
    `Document ${quote(document)} holds a NUL character at offset ${offset}, which no text has: is it binary, or UTF-16? Convert it to UTF-8 text, or exclude it.`,
  );
}

/** A run of characters that no tokenizer can take. */
export function wordTooLong(
  document: string,
  offset: number,
  length: number,
  limit: number,
  beginning: string,
): RagError {
  return new RagError(
    "word_too_long",
    `Document ${quote(document)} holds a word of ${length} characters at offset ${offset}, beginning ${quote(beginning)}; a word may have ${limit}. Is it embedded data, such as base64? Take it out, exclude the document, or raise maxWordLength (at most 1000000).`,
  );
}

/** A length limit that no chunk could keep. */
export function badTokenLimit(model: string, max: unknown, needed: number): RagError {
  return new RagError(
    "bad_token_limit",
    `Model ${quote(model)} has a length limit of ${quote(max)} tokens; chunks need a whole number, at least ${needed} with its special tokens. Raise maxTokens, or correct it in the model's row.`,
  );
}

/** A tokenizer that does not count. */
export function badTokenCount(model: string, count: unknown): RagError {
  return new RagError(
    "bad_token_count",
    `The tokenizer of model ${quote(model)} counted ${quote(String(count))} tokens. A count is a whole number from 0: its files may be damaged. Prime the cache again.`,
  );
}

/** An option of the chunk stage that can't be used. */
export function badChunkOption(name: string, value: unknown, rule: string): RagError {
  return new RagError("bad_chunk_option", `Chunk option ${quote(name)} = ${quote(value)}: it must be ${rule}.`);
}

/** One character alone is above a limit. */
export function cannotSplit(document: string, offset: number, text: string, model: string, max: number): RagError {
  return new RagError(
    "cannot_split",
    `Document ${quote(document)}: the character ${quote(text)} at offset ${offset} alone has more tokens than a model allows (the strictest is ${quote(model)} with ${max}). Chunk for models with a larger limit.`,
  );
}

/** Chunks that do not hold their document: a fault of the library. */
export function chunksDisagree(document: string, offset: number, problem: string): RagError {
  return new RagError(
    "chunks_disagree",
    `Chunks of ${quote(document)} do not hold the document: ${problem}, at offset ${offset}. This is a fault of rag-cells, and nothing was stored. Please report it with the document; exclude it meanwhile.`,
  );
}

/** What a folder holds, in words; names of folders end in a slash. */
function holding(names: readonly string[]): string {
  if (names.length === 0) return "is empty";
  const folders = names.filter((name) => name.endsWith("/")).length;
  const files = names.length - folders;
  const parts = [
    files > 0 ? `${files} ${files === 1 ? "file" : "files"}` : "",
    folders > 0 ? `${folders} ${folders === 1 ? "folder" : "folders"}` : "",
  ];
  return `holds ${parts.filter((part) => part !== "").join(" and ")} (${quoteList(names, 5)})`;
}

// chunk, the verb

/** A document that changed between being hashed and being cut. */
export function documentChanged(document: string): RagError {
  return new RagError(
    "document_changed",
    `Document ${quote(document)} changed while it was being chunked. Run the cell again.`,
  );
}

// the model cache and the hub

/** A graph that keeps tensors where the model's row names no file. */
export function modelDataUndeclared(key: string, dtype: string, path: string, problem: string): RagError {
  return new RagError(
    "model_file_outside",
    `The model file ${quote(path)} of ${quote(key)} (${dtype}) can't be used: ${problem}. If it is a file beside it, name it in externalData of the model's row (addModels); any other place is never read.`,
  );
}

/** A write to the folder that models are fetched into failed. */
export function modelCacheWriteFailed(path: string, cause: unknown): RagError {
  const code = (cause as NodeJS.ErrnoException | null)?.code;
  const why =
    code === "ENOSPC" || code === "EDQUOT"
      ? "The disk is full. Free space there, or name another folder: openSession({ ..., cacheDir })"
      : code === "EROFS" || code === "EACCES" || code === "EPERM"
        ? "It can't be written. Name a folder that can: openSession({ ..., cacheDir })"
        : `The system says: ${cause instanceof Error ? cause.message : String(cause)}. Or name another folder: openSession({ ..., cacheDir })`;
  return new RagError(
    "model_cache_write_failed",
    `Can't write ${quote(path)} in the model cache. ${why}. What was fetched is kept: run the cell again to go on.`,
    { cause },
  );
}

/** Too little room for what is to be fetched. */
export function modelCacheFull(cacheDir: string, needed: number, free: number): RagError {
  return new RagError(
    "model_cache_full",
    `The models to fetch need ${roughly(needed)} in ${quote(cacheDir)}, where ${roughly(free)} are free. Nothing was fetched. Free space there, name another folder (openSession({ ..., cacheDir })), or ask for fewer or smaller models.`,
  );
}

/** The hub wants to know who asks. */
export function hubDenied(what: string, host: string, status: number, withToken: boolean): RagError {
  const way = withToken
    ? "The token in HF_TOKEN may not read it: accept the model's conditions on its page, or use another token"
    : "It is private or behind a form, or its name is wrong: accept its conditions on its page and set HF_TOKEN, or correct the name";
  return new RagError("hub_denied", `${quote(host)} refused ${quote(what)} (status ${status}). ${way}.`);
}

/** What was asked for is not on the hub. */
export function hubNotFound(what: string, host: string): RagError {
  return new RagError(
    "hub_not_found",
    `${quote(host)} has no ${quote(what)}. Correct hubId, revision or file names of the model's row (addModels), or put the files in a folder under one of modelDirs.`,
  );
}

/** Files that a row names and the repository lacks. */
export function hubFilesMissing(key: string, hubId: string, revision: string, paths: readonly string[]): RagError {
  return new RagError(
    "hub_not_found",
    `The repository ${quote(hubId)} has no ${quoteList(paths)} at ${revision.slice(0, 12)}, which ${quote(key)} needs. Correct the model's row (addModels), or take another dtype or model.`,
  );
}

/** An answer of the hub that is not followed. */
export function hubRefused(what: string, host: string, problem: string): RagError {
  return new RagError(
    "hub_refused",
    `Asked for ${quote(what)}, ${quote(host)} can't be followed: ${problem}. Check HF_ENDPOINT and what stands between this machine and the hub.`,
  );
}

/** The hub gives something else than what it lists. */
export function hubAnswerBad(what: string, endpoint: string, problem: string): RagError {
  return new RagError(
    "hub_answer_bad",
    `Asked for ${quote(what)}, ${quote(endpoint)} gave something else: ${problem}. Nothing of it is used. A sign-in page or a proxy may answer in its place: open the address in a browser, then run the cell again.`,
  );
}

/** The hub did not get through with it. */
export function hubBusy(what: string, endpoint: string, problem: string, attempts: number, cause: unknown): RagError {
  return new RagError(
    "hub_busy",
    `${quote(endpoint)} did not deliver ${quote(what)}: ${problem} (${attempts} attempts in a row without a new byte). What was fetched is kept: run the cell again later to go on.`,
    { cause },
  );
}

/** There is no way to the hub. */
export function hubUnreachable(what: string, endpoint: string, problem: string, cause: unknown): RagError {
  return new RagError(
    "hub_unreachable",
    `${quote(endpoint)} can't be reached for ${quote(what)}: ${problem}. Turn the internet on (on Kaggle in the notebook's settings) and run the cell again, or attach a dataset that holds the models.`,
    { cause },
  );
}

/** Another process fetches into the same folder. */
export function modelCacheInUse(path: string, owner: { pid: number; host: string } | null): RagError {
  const who = owner ? `Process ${owner.pid} on ${quote(owner.host)}` : "Another process";
  return new RagError(
    "model_cache_in_use",
    `${who} is fetching models into this cache. If it is surely gone, remove ${quote(path)}.`,
  );
}

/** Another process writes to the lock file of the models, and does not end. */
export function modelsLockInUse(path: string, owner: { pid: number; host: string } | null): RagError {
  const who = owner ? `Process ${owner.pid} on ${quote(owner.host)}` : "Another process";
  return new RagError(
    "models_lock_in_use",
    `${who} has been writing the models' lock file for seconds. Run the cell again; if that process is surely gone, remove ${quote(path)}.`,
  );
}

/** A lock file that can't be read. */
export function badModelsLock(path: string, problem: string): RagError {
  return new RagError(
    "bad_models_lock",
    `The lock file ${quote(path)} can't be used: ${problem}. Bring back the one you committed, or remove it: the next primeCache writes it anew from what it finds, without checking it against what it was.`,
  );
}

// packing models, and unpacking them

/** A folder that is to be written and belongs to something else. */
export function folderTaken(dir: string, why: string, way: string): RagError {
  return new RagError("folder_taken", `The folder ${quote(dir)} can't be used: ${why}. ${way}.`);
}

/** Two files that would have one name in a pack. */
export function packNameClash(name: string, one: string, other: string): RagError {
  return new RagError(
    "pack_name_clash",
    `${quote(one)} and ${quote(other)} would both be ${quote(name)} in the pack, which has no folders and one file of a name. Pack these models into folders of their own: packCache(session, dir, { models: [...] }).`,
  );
}

/** Too little room for a pack. */
export function packDiskFull(dir: string, needed: number, free: number): RagError {
  return new RagError(
    "model_cache_full",
    `The models need ${roughly(needed)} in ${quote(dir)}, where ${roughly(free)} are free. None was written there. Free space, or name a folder on another disk.`,
  );
}

/** Why a folder that was named could not be written, in words, and the way out. */
function folderRemedy(cause: unknown): string {
  const system = (cause as { cause?: unknown } | null)?.cause ?? cause;
  const { code } = system as NodeJS.ErrnoException;
  return code === "ENOSPC" || code === "EDQUOT"
    ? "The disk is full. Free space there, or name a folder on another disk"
    : code === "EROFS" || code === "EACCES" || code === "EPERM"
      ? "It can't be written. Name a folder that can"
      : `The system says: ${quote(system instanceof Error ? system.message : String(system))}. Correct that, or name another folder`;
}

/** A write to a pack failed. */
export function packWriteFailed(dir: string, cause: unknown): RagError {
  const why = folderRemedy(cause);
  return new RagError("pack_write_failed", `Can't write the models to ${quote(dir)}. ${why}, and run the cell again.`, {
    cause,
  });
}

/** A pack that does not hold what was put into it. */
export function packNotVerified(dir: string, problems: readonly string[]): RagError {
  return new RagError(
    "pack_not_verified",
    `The models were packed into ${quote(dir)}, but read back from there they differ: ${problems.join("; ")}. Do not upload it. Check the disk, then run the cell again: only what differs is written anew.`,
  );
}

/** The operator pressed Stop while an archive was unpacked. */
export function unpackingStopped(archive: string): RagError {
  return new RagError(
    "stopped",
    `Stopped while ${quote(archive)} was unpacked. Nothing of it was kept: run the cell again to begin anew.`,
  );
}

/** An archive that is not unpacked; `entry` is the one that breaks the rule. */
export function badArchive(archive: string, entry: string | null, problem: string, cause?: unknown): RagError {
  const where = entry === null ? "" : `its entry ${quote(entry)} `;
  return new RagError(
    "bad_archive",
    `The archive ${quote(archive)} can't be unpacked: ${where}${problem}. Nothing of it was kept. Download it again, or make it anew from a folder that packCache wrote, with its files and nothing else.`,
    { cause },
  );
}

// moving a session

/** Something in the session's folder that no pack can carry, or that did not hold still. */
export function sessionNotPackable(dir: string, path: string, problem: string): RagError {
  return new RagError(
    "session_not_packable",
    `In the session's folder ${quote(dir)}, ${quote(path)} ${problem}. A pack has plain files only. Nothing was written. Take it out of the folder, or let whatever writes to it end, and run the cell again.`,
  );
}

/** A write to a session's pack failed. */
export function sessionPackWriteFailed(target: string, cause: unknown): RagError {
  return new RagError(
    "pack_write_failed",
    `Can't write the pack ${quote(target)}. ${writeRemedy(cause, "Name a file elsewhere: packSession(session, { to })")} An earlier file of that name is as it was.`,
    { cause },
  );
}

/** A session's pack that does not hold what was put into it. */
export function sessionPackNotVerified(target: string, problem: string, cause: unknown): RagError {
  return new RagError(
    "pack_not_verified",
    `The session was packed, but read back the pack differs: ${problem}. It was removed, and an earlier ${quote(target)} is as it was. Check the disk, then run the cell again.`,
    { cause },
  );
}

/** The operator pressed Stop while a session was packed. */
export function packingStopped(target: string): RagError {
  return new RagError(
    "stopped",
    `Stopped while the session was packed. Nothing was written, and an earlier ${quote(target)} is as it was: run the cell again to begin anew.`,
  );
}

/** There is nothing to open a session from. */
export function sessionPackMissing(from: string, cause: unknown, there: string | null = null): RagError {
  const way =
    there === null
      ? ""
      : ` The session is already in ${quote(there)}: leave from out of openSession to open what is there.`;
  return new RagError(
    "session_pack_missing",
    `There is nothing to open a session from at ${quote(from)} (${(cause as NodeJS.ErrnoException | null)?.code ?? "missing"}). Name the zip that packSession wrote, or the folder that holds what was in it; on Kaggle, attach the dataset or the notebook's output and look below /kaggle/input.${way}`,
    { cause },
  );
}

/** A pack that is not opened; `entry` is the one that breaks the rule. */
export function badSessionPack(path: string, entry: string | null, problem: string, cause?: unknown): RagError {
  const where = entry === null ? "" : `its entry ${quote(entry)} `;
  return new RagError(
    "bad_session_pack",
    `No session can be opened from ${quote(path)}: ${where}${problem}. Nothing of it was kept. Copy or download it again, or make it anew with packSession where the session is.`,
    { cause },
  );
}

/** Another session has the name that a pack would be opened under. */
export function sessionTaken(name: string, dir: string, there: string, from: string, pack: string): RagError {
  return new RagError(
    "session_taken",
    `In ${quote(dir)} there is ${there}; ${quote(from)} holds ${pack}. Nothing was changed. To open what is there, leave from out; to open the pack beside it, take another name, such as openSession({ name: ${quote(`${name}-2`)}, from }).`,
  );
}

/** Another kernel unpacks a session of the same name. */
export function sessionBeingUnpacked(
  name: string,
  path: string,
  owner: { readonly pid: number; readonly host: string } | null,
): RagError {
  const who = owner ? `Process ${owner.pid} on ${quote(owner.host)}` : "Another process";
  return new RagError(
    "session_in_use",
    `${who} is unpacking session ${quote(name)}. Wait for it, or open the session under another name. If it is surely gone, remove ${quote(path)}.`,
  );
}

/** A write failed while a session was unpacked. */
export function sessionUnpackFailed(dir: string, cause: unknown): RagError {
  return new RagError(
    "pack_write_failed",
    `Can't unpack the session into ${quote(dir)}. ${writeRemedy(cause, "Open the session with another dir")} Nothing of it was kept.`,
    { cause },
  );
}

/** Why a write failed, in words; `way` is another place. */
function writeRemedy(cause: unknown, way: string): string {
  const system = (cause as { cause?: unknown } | null)?.cause ?? cause;
  const { code } = system as NodeJS.ErrnoException;
  if (code === "ENOSPC" || code === "EDQUOT")
    return `The disk is full. Free space there and run the cell again. ${way}.`;
  if (code === "EROFS" || code === "EACCES" || code === "EPERM") return `It can't be written. ${way}.`;
  return `The system says: ${quote(system instanceof Error ? system.message : String(system))}. ${way}.`;
}

// kit for Kaggle

/** A system that no kit for Kaggle can be made on. */
export function kitPlatform(platform: string): RagError {
  return new RagError(
    "kit_platform",
    `A kit holds this installation's own Node and native files, and Kaggle runs 64-bit Linux with glibc; this is ${quote(platform)}. Run kaggle pack there, for example in a container of the image node:24.`,
  );
}

/** An installation that a kit can't be made of. */
export function kitSourceUnfit(where: string, problem: string, way: string): RagError {
  return new RagError("kit_source_unfit", `No kit can be made of ${quote(where)}: ${problem}. ${way}.`);
}

/** A write of a kit, or of what is unpacked from one, failed. */
export function kitWriteFailed(dir: string, cause: unknown): RagError {
  const why = folderRemedy(cause);
  return new RagError("kit_write_failed", `Can't write the kit to ${quote(dir)}. ${why}, and run the command again.`, {
    cause,
  });
}

/** A kit that is incomplete, damaged, or none; names in `problem` are quoted. */
export function badKit(where: string, problem: string): RagError {
  return new RagError(
    "bad_kit",
    `The kit ${quote(where)} can't be used: ${problem}. Nothing of it was unpacked. Make it again with rag-cells kaggle pack, or upload or download it again.`,
  );
}
