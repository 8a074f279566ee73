/**
 * `session.run` in a loop over batches made beforehand: no tokenizer, no pooling, no
 * messages. Session options are those of the inference process, so that the
 * difference is what stands around the session.
 */
import { InferenceSession, Tensor } from "onnxruntime-node";
import type { TokenBatch } from "../../../dist/runtime/types.js";
import { serve } from "./contestant.ts";

interface Job {
  readonly onnxFile: string;
  readonly batches: readonly TokenBatch[];
  readonly threads: number;
}

serve<Job>(async ({ onnxFile, batches, threads }) => {
  const session = await InferenceSession.create(onnxFile, {
    intraOpNumThreads: threads,
    graphOptimizationLevel: "all",
    logSeverityLevel: 3,
    enableMemPattern: false,
    extra: { session: { intra_op: { allow_spinning: "0" } } },
  });
  const feeds = batches.map(({ rows, length, ids, mask, types }) => {
    const tensor = (values: ArrayLike<number>) =>
      new Tensor("int64", BigInt64Array.from(Array.from(values, BigInt)), [rows, length]);
    return { input_ids: tensor(ids), attention_mask: tensor(mask), token_type_ids: tensor(types) };
  });
  return async () => {
    for (const feed of feeds) (await session.run(feed)).last_hidden_state?.dispose();
    return null;
  };
});
