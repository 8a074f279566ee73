import { setTimeout as sleep } from "node:timers/promises";
import {
  badBatch,
  encoderClosed,
  inferenceFailed,
  inferenceProcessDied,
  inferenceTimeout,
  modelLoadTimeout,
  modelNotLoaded,
  outOfMemory,
  quote,
  type RagError,
  stopped,
  wordsOf,
} from "../core/errors.js";
import { startChild } from "./child.js";
import { type Exchange, openExchange } from "./exchange.js";
import { loadError } from "./load-error.js";
import type { FromWorker } from "./messages.js";
import { isOutOfMemory } from "./out-of-memory.js";
import { joinOutputs } from "./outputs.js";
import { unpackOutput } from "./row-bytes.js";
import type { BatchReport, Came, DenseBatch, Encoder, EncoderOptions, SparseBatch, TokenBatch } from "./types.js";

/** Longest wait for a process that was killed. */
const END_MS = 10_000;

interface Waiting {
  readonly microBatches: readonly TokenBatch[];
  readonly came: Came;
  readonly resolve: (failure: RagError | null) => void;
  readonly reject: (error: RagError) => void;
  readonly timeoutSeconds: number | undefined;
  /** How many of them were computed, and the reading of their results, one after another. */
  computed: number;
  reading: Promise<void>;
}

type Computed = Extract<FromWorker, { kind: "computed" }>;

/** Who waits for a model to be loaded. */
interface Loading {
  readonly resolve: (loaded: Extract<FromWorker, { kind: "loaded" }>) => void;
  readonly reject: (error: RagError) => void;
}

/**
 * Loads a model in a process of its own, so that this process's event loop stays
 * free while it computes. Aborting the signal kills that process, which is the
 * only way to interrupt a batch. Several batches may be under way; they are
 * computed in the order of the calls. An encoder that is not computing does not
 * keep the program alive.
 *
 * @param loadSeconds longest time that loading may take, again with each `renew`; no limit by default
 * @throws RagError `model_not_loaded` with onnxruntime's own words, `out_of_memory`, `device_not_usable`, `graph_misplaced`
 *   (a probe found the model's arithmetic on the CPU), `model_load_timeout`, `inference_process_died`, `stopped`; the process is gone by then
 */
export function openEncoder(options: EncoderOptions, signal?: AbortSignal, loadSeconds?: number): Promise<Encoder> {
  const where = `while model ${quote(options.model)} was computing`;
  if (signal?.aborted) return Promise.reject(stopped(where));
  return new Promise((resolve, reject) => {
    const start = performance.now();
    /** The first of them is being computed: results have one place, and it is free when they were read. */
    const waiting: Waiting[] = [];
    let timer: NodeJS.Timeout | undefined;
    let loading: Loading | null = null;
    /** Why no more batches are taken. */
    let over: RagError | null = null;

    const notStarted = (cause: unknown) =>
      modelNotLoaded(options.model, options.onnxFile, `the process could not be started: ${cause}`);
    const end = (error: RagError): void => {
      if (over) return;
      over = error;
      signal?.removeEventListener("abort", stop);
      child.kill();
      loading?.reject(error);
      clearTimeout(timer);
      for (const { reject: rejectBatch } of waiting.splice(0)) rejectBatch(error);
    };
    const stop = () => end(stopped(where));

    const answer = (message: FromWorker): void => {
      if (message.kind === "loaded" || message.kind === "unusable") {
        child.hold(false);
        if (message.kind === "loaded") loading?.resolve(message);
        else end(loadError(options, message.words));
        loading = null;
        return;
      }
      const [call] = waiting;
      if (!call) return;
      if (message.kind === "computed") {
        const index = call.computed++;
        call.reading = call.reading.then(() => read(call, index, message));
        call.reading.catch(() => {}); // Thrown where the batch is over.
        return;
      }
      clearTimeout(timer);
      const { words } = message;
      const failure = words === null ? null : failureOf(call.microBatches[call.computed], words);
      call.reading.then(
        () => settle(call, failure),
        (cause) => settle(call, failureOf(call.microBatches[0], `its results could not be read: ${wordsOf(cause)}`)),
      );
    };
    /** The process may end meanwhile, and then its caller was told. */
    const isCurrent = (call: Waiting) => waiting[0] === call;
    const read = async (call: Waiting, index: number, { output, at, report }: Computed): Promise<void> => {
      const payload = await exchange.results(at, output.bytes);
      if (isCurrent(call)) call.came(index, unpackOutput(output, payload), report);
    };
    const settle = (call: Waiting, failure: RagError | null): void => {
      if (!isCurrent(call)) return;
      waiting.shift();
      if (waiting.length === 0) child.hold(false);
      else compute();
      call.resolve(failure);
    };
    /** Lets the process compute the batch that waits first. */
    const compute = (): void => {
      const [call] = waiting as [Waiting];
      const { microBatches, timeoutSeconds } = call;
      try {
        const { slot, places } = exchange.begin(microBatches);
        child.send({ kind: "run", slot, microBatches: places });
      } catch (cause) {
        settle(call, failureOf(microBatches[0], `its tokens could not be handed over: ${wordsOf(cause)}`));
        return;
      }
      if (timeoutSeconds === undefined) return;
      const rows = microBatches.reduce((sum, batch) => sum + batch.rows, 0);
      const length = microBatches.reduce((most, batch) => Math.max(most, batch.length), 0);
      timer = setTimeout(
        () => end(inferenceTimeout(options.model, rows, length, timeoutSeconds)),
        timeoutSeconds * 1000,
      );
    };
    const failureOf = (microBatch: TokenBatch | undefined, words: string): RagError => {
      const { rows = 0, length = 0 } = microBatch ?? {};
      return isOutOfMemory(words)
        ? outOfMemory(options.model, { rows, length }, words)
        : inferenceFailed(options.model, rows, length, words);
    };

    const load = () => {
      const late = () => end(modelLoadTimeout(options.model, options.provider.kind, loadSeconds as number));
      const timer = loadSeconds === undefined ? undefined : setTimeout(late, loadSeconds * 1000);
      return new Promise<Extract<FromWorker, { kind: "loaded" }>>((resolveLoad, rejectLoad) => {
        loading = { resolve: resolveLoad, reject: rejectLoad };
        child.hold(true);
        child.send({ kind: "load", options });
      }).finally(() => clearTimeout(timer));
    };

    /** What it had on the device is free once it is gone. One that hangs in the driver goes when the driver lets it, and is not waited for. */
    const gone = async () => {
      child.hold(true);
      const given = new AbortController();
      const wait = sleep(END_MS, undefined, { signal: given.signal }).catch(() => {});
      await Promise.race([child.ended.catch(() => {}), wait]);
      given.abort();
      child.hold(false);
    };

    let exchange: Exchange;
    try {
      exchange = openExchange();
    } catch (cause) {
      reject(notStarted(cause));
      return;
    }
    const child = startChild(answer, options.env, exchange.files);
    signal?.addEventListener("abort", stop);
    child.ended.catch(() => {}).then(exchange.close);
    child.ended.then(
      // The interrupt of a Stop may reach a child that does not ignore it yet.
      (how) => end(how.signal === "SIGINT" ? stopped(where) : inferenceProcessDied(options.model, how)),
      (cause) => end(notStarted(cause)),
    );

    const encoder = ({ rssBytes, placement }: Extract<FromWorker, { kind: "loaded" }>): Encoder => ({
      pid: child.pid,
      placement,
      loadSeconds: (performance.now() - start) / 1000,
      loadedRssBytes: rssBytes,
      compute(microBatches, came, timeoutSeconds) {
        const problem =
          microBatches.length === 0 ? "no rows" : microBatches.map(problemOf).find((words) => words !== undefined);
        if (over || problem !== undefined) return Promise.reject(over ?? badBatch(problem as string));
        return new Promise((resolveBatch, rejectBatch) => {
          const call = { microBatches, came, resolve: resolveBatch, reject: rejectBatch, timeoutSeconds };
          waiting.push({ ...call, computed: 0, reading: Promise.resolve() });
          child.hold(true);
          if (waiting.length === 1) compute();
        });
      },
      async encode(microBatches, timeoutSeconds) {
        const outputs: (DenseBatch | SparseBatch)[] = [];
        let all: BatchReport = { runSeconds: 0, seconds: 0, rssBytes: 0, peakRssBytes: 0 };
        const came: Came = (_, output, report) => {
          outputs.push(output);
          const { runSeconds, seconds } = all;
          all = { ...report, runSeconds: runSeconds + report.runSeconds, seconds: seconds + report.seconds };
        };
        const failure = await this.compute(microBatches, came, timeoutSeconds);
        if (failure && outputs.length === 0) throw failure;
        return { output: joinOutputs(outputs), report: all, failure };
      },
      sendAhead(microBatches) {
        try {
          if (!over) exchange.put(microBatches);
        } catch {
          // Tried again, and told, when it is to be computed.
        }
      },
      async renew() {
        if (over) throw over;
        await load();
      },
      kill: (words) => end(inferenceProcessDied(options.model, { code: null, signal: "SIGKILL", stderr: words })),
      async close() {
        end(encoderClosed(options.model));
        await gone();
      },
    });
    load().then(
      (loaded) => resolve(encoder(loaded)),
      (error) => gone().then(() => reject(error)),
    );
  });
}

/** What is wrong with a micro-batch, in words; undefined for nothing. */
function problemOf({ rows, length, ids, mask, types }: TokenBatch): string | undefined {
  if (!Number.isInteger(rows) || !Number.isInteger(length) || rows < 1 || length < 1)
    return `${rows} rows of ${length} tokens`;
  for (const [name, { length: values }] of Object.entries({ ids, mask, types })) {
    if (values !== rows * length) return `${values} ${name} for ${rows} rows of ${length} tokens`;
  }
  return undefined;
}
