import { openEncoder } from "../runtime/encoder.js";
import type { Encoder } from "../runtime/types.js";
import type { StageWork } from "../stage.js";
import type { PassInput } from "./input.js";

/** A model that is loaded when the first batch asks for it: a pass whose rows are all kept never does. */
export interface LazyEncoder {
  get(): Promise<Encoder>;
  close(): Promise<void>;
}

/** The pass's model, in a process of its own. */
export function lazyEncoder(work: StageWork, { model, normalize, threads }: PassInput): LazyEncoder {
  const options = {
    model: model.card.key,
    onnxFile: model.onnxFile,
    externalData: model.externalData,
    pooling: model.card.pooling,
    normalize,
    threads,
    provider: { kind: "cpu" } as const,
  };
  let opening: Promise<Encoder> | null = null;
  return {
    get() {
      opening ??= work.recorder.timed("load", () => openEncoder(options, work.signal));
      return opening;
    },
    async close() {
      const encoder = await opening?.catch(() => null); // A failure to load was thrown to who asked.
      await encoder?.close();
    },
  };
}
