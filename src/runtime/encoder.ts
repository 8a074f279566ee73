import {
  badBatch,
  encoderClosed,
  inferenceFailed,
  inferenceProcessDied,
  modelNotLoaded,
  quote,
  type RagError,
  stopped,
} from "../core/errors.js";
import { startChild } from "./child.js";
import type { FromWorker } from "./messages.js";
import type { Encoder, EncoderOptions, TokenBatch } from "./types.js";

type Answer = Awaited<ReturnType<Encoder["encode"]>>;

interface Waiting {
  readonly batch: TokenBatch;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: RagError) => void;
}

/**
 * Loads a model in a process of its own, so that this process's event loop stays
 * free while it computes. Aborting the signal kills that process, which is the
 * only way to interrupt a batch. Several batches may be under way; they are
 * computed in the order of the calls. An encoder that is not computing does not
 * keep the program alive.
 *
 * @throws RagError `model_not_loaded` with onnxruntime's own words, `inference_process_died`, `stopped`
 */
export function openEncoder(options: EncoderOptions, signal?: AbortSignal): Promise<Encoder> {
  const where = `while model ${quote(options.model)} was computing`;
  if (signal?.aborted) return Promise.reject(stopped(where));
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const waiting = new Map<number, Waiting>();
    let sent = 0;
    /** Why no more batches are taken. */
    let over: RagError | null = null;

    const end = (error: RagError): void => {
      if (over) return;
      over = error;
      signal?.removeEventListener("abort", stop);
      child.kill();
      reject(error);
      for (const { reject: rejectBatch } of waiting.values()) rejectBatch(error);
      waiting.clear();
    };
    const stop = () => end(stopped(where));

    const answer = (message: FromWorker): void => {
      if (message.kind === "loaded") {
        child.hold(false);
        resolve(encoder(message.rssBytes));
      } else if (message.kind === "unusable") {
        end(modelNotLoaded(options.model, options.onnxFile, message.words));
      } else {
        const call = waiting.get(message.id);
        waiting.delete(message.id);
        if (waiting.size === 0) child.hold(false);
        if (message.kind === "done") call?.resolve({ output: message.output, report: message.report });
        else call?.reject(inferenceFailed(options.model, call.batch.rows, call.batch.length, message.words));
      }
    };

    const child = startChild(answer);
    signal?.addEventListener("abort", stop);
    child.ended.then(
      // The interrupt of a Stop may reach a child that does not ignore it yet.
      (how) => end(how.signal === "SIGINT" ? stopped(where) : inferenceProcessDied(options.model, how)),
      (cause) => end(modelNotLoaded(options.model, options.onnxFile, `the process could not be started: ${cause}`)),
    );
    child.send({ kind: "load", options });

    const encoder = (loadedRssBytes: number): Encoder => ({
      pid: child.pid,
      loadSeconds: (performance.now() - start) / 1000,
      loadedRssBytes,
      encode(batch) {
        const problem = problemOf(batch);
        if (over || problem) return Promise.reject(over ?? badBatch(problem));
        return new Promise((resolveBatch, rejectBatch) => {
          waiting.set(++sent, { batch, resolve: resolveBatch, reject: rejectBatch });
          child.hold(true);
          child.send({ kind: "run", id: sent, batch });
        });
      },
      async close() {
        end(encoderClosed(options.model));
        child.hold(true);
        await child.ended.catch(() => {});
      },
    });
  });
}

/** What is wrong with a batch, or an empty string. */
function problemOf({ rows, length, ids, mask, types }: TokenBatch): string {
  if (!Number.isInteger(rows) || !Number.isInteger(length) || rows < 1 || length < 1)
    return `${rows} rows of ${length} tokens`;
  for (const [name, { length: values }] of Object.entries({ ids, mask, types })) {
    if (values !== rows * length) return `${values} ${name} for ${rows} rows of ${length} tokens`;
  }
  return "";
}
