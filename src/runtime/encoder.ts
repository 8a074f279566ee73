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
} from "../core/errors.js";
import { startChild } from "./child.js";
import { loadError } from "./load-error.js";
import type { FromWorker } from "./messages.js";
import { isOutOfMemory } from "./out-of-memory.js";
import type { EncodedBatch, Encoder, EncoderOptions, TokenBatch } from "./types.js";

/** Longest wait for a process that was killed. */
const END_MS = 10_000;

interface Waiting {
  readonly microBatches: readonly TokenBatch[];
  readonly resolve: (answer: EncodedBatch) => void;
  readonly reject: (error: RagError) => void;
  readonly timer: NodeJS.Timeout | null;
}

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
    const waiting = new Map<number, Waiting>();
    let loading: Loading | null = null;
    let sent = 0;
    /** The batch that the process has got last. */
    let there: readonly TokenBatch[] | null = null;
    /** Why no more batches are taken. */
    let over: RagError | null = null;

    const end = (error: RagError): void => {
      if (over) return;
      over = error;
      signal?.removeEventListener("abort", stop);
      child.kill();
      loading?.reject(error);
      for (const { reject: rejectBatch, timer } of waiting.values()) {
        clearTimeout(timer ?? undefined);
        rejectBatch(error);
      }
      waiting.clear();
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
      const call = waiting.get(message.id);
      waiting.delete(message.id);
      clearTimeout(call?.timer ?? undefined);
      if (waiting.size === 0) child.hold(false);
      if (!call) return;
      if (message.kind === "done") {
        const { output, report, words } = message;
        const failure = words === null ? null : failureOf(call.microBatches[report.microBatchSeconds.length], words);
        call.resolve({ output, report, failure });
      } else {
        call.reject(failureOf(call.microBatches[0], message.words));
      }
    };
    const failureOf = (microBatch: TokenBatch | undefined, words: string): RagError => {
      const { rows = 0, length = 0 } = microBatch ?? {};
      return isOutOfMemory(words)
        ? outOfMemory(options.model, { rows, length }, words)
        : inferenceFailed(options.model, rows, length, words);
    };

    const deliver = (microBatches: readonly TokenBatch[]) => {
      if (there === microBatches) return;
      there = microBatches;
      child.send({ kind: "batch", microBatches });
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

    const child = startChild(answer, options.env);
    signal?.addEventListener("abort", stop);
    child.ended.then(
      // The interrupt of a Stop may reach a child that does not ignore it yet.
      (how) => end(how.signal === "SIGINT" ? stopped(where) : inferenceProcessDied(options.model, how)),
      (cause) => end(modelNotLoaded(options.model, options.onnxFile, `the process could not be started: ${cause}`)),
    );

    const encoder = ({ rssBytes, placement }: Extract<FromWorker, { kind: "loaded" }>): Encoder => ({
      pid: child.pid,
      placement,
      loadSeconds: (performance.now() - start) / 1000,
      loadedRssBytes: rssBytes,
      encode(microBatches, timeoutSeconds) {
        const problem =
          microBatches.length === 0 ? "no rows" : microBatches.map(problemOf).find((words) => words !== undefined);
        if (over || problem !== undefined) return Promise.reject(over ?? badBatch(problem as string));
        return new Promise((resolveBatch, rejectBatch) => {
          const rows = microBatches.reduce((sum, batch) => sum + batch.rows, 0);
          const length = microBatches.reduce((most, batch) => Math.max(most, batch.length), 0);
          const late = () => end(inferenceTimeout(options.model, rows, length, timeoutSeconds as number));
          const timer = timeoutSeconds === undefined ? null : setTimeout(late, timeoutSeconds * 1000);
          waiting.set(++sent, { microBatches, resolve: resolveBatch, reject: rejectBatch, timer });
          child.hold(true);
          deliver(microBatches);
          child.send({ kind: "run", id: sent });
        });
      },
      sendAhead(microBatches) {
        if (!over) deliver(microBatches);
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
