import type { TokenBatch } from "./types.js";

/** An input of a graph, as a session describes it. */
export interface GraphInput {
  readonly name: string;
  readonly isTensor: boolean;
  /** Element type, such as `int64`. */
  readonly type?: string;
}

/** The values for one input: `[rows, length]`, row-major. */
export interface Feed {
  readonly name: string;
  readonly type: "int64" | "int32";
  readonly data: BigInt64Array | Int32Array;
  readonly dims: readonly [number, number];
}

/** What each input that we know is fed with. */
const VALUES: Readonly<Record<string, (batch: TokenBatch) => (i: number) => number>> = {
  input_ids:
    ({ ids }) =>
    (i) =>
      ids[i] as number,
  attention_mask:
    ({ mask }) =>
    (i) =>
      mask[i] as number,
  token_type_ids:
    ({ types }) =>
    (i) =>
      types[i] as number,
  position_ids:
    ({ length }) =>
    (i) =>
      i % length,
};

/**
 * Checks that we can feed every input of a graph.
 *
 * @throws RangeError naming the inputs we can't
 */
export function checkInputs(inputs: readonly GraphInput[]): void {
  const known = (input: GraphInput) =>
    Object.hasOwn(VALUES, input.name) && (input.type === "int64" || input.type === "int32");
  const strange = inputs
    .filter((input) => !known(input))
    .map(({ name, type }) => `${JSON.stringify(name)} (${type ?? "no tensor"})`);
  if (strange.length > 0) {
    throw new RangeError(
      `it wants inputs that a text encoder has no values for: ${strange.join(", ")}; known are ${Object.keys(VALUES).join(", ")} as int64 or int32`,
    );
  }
}

/** The values of a batch for the inputs that the graph has; what it does not have is not fed. */
export function feedsOf(inputs: readonly GraphInput[], batch: TokenBatch): Feed[] {
  const count = batch.rows * batch.length;
  return inputs.map(({ name, type }) => {
    const valueAt = (VALUES[name] as (typeof VALUES)[string])(batch);
    const dims = [batch.rows, batch.length] as const;
    if (type === "int32") return { name, type, data: Int32Array.from({ length: count }, (_, i) => valueAt(i)), dims };
    const data = new BigInt64Array(count);
    for (let i = 0; i < count; i++) data[i] = BigInt(valueAt(i));
    return { name, type: "int64", data, dims };
  });
}
