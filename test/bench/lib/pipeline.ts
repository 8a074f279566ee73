/** The feature-extraction pipeline of transformers.js, as its documentation shows it, in batches of 32. */
import { basename, dirname } from "node:path";
import { env, pipeline } from "@huggingface/transformers";
import { serve } from "./contestant.ts";

interface Job {
  readonly folder: string;
  readonly texts: readonly string[];
  readonly threads: number;
}

serve<Job>(async ({ folder, texts, threads }) => {
  env.allowRemoteModels = false;
  env.localModelPath = dirname(folder);
  const extract = await pipeline("feature-extraction", basename(folder), {
    dtype: "fp32",
    device: "cpu",
    session_options: { intraOpNumThreads: threads },
  });
  return async () => {
    const parts: Float32Array[] = [];
    for (let from = 0; from < texts.length; from += 32) {
      const output = await extract(texts.slice(from, from + 32), { pooling: "mean", normalize: true });
      parts.push(output.data as Float32Array);
    }
    const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  };
});
