import { type Matrix, normalize, rowOf } from "../core/matrix.js";

/** One model's part in the fused vectors. */
export interface EnsemblePart {
  readonly name: string;
  readonly dim: number;
  /** Positive; only the ratios count. */
  readonly weight: number;
}

/** How parts become one vector. */
export interface EnsemblePlan {
  readonly method: "mean" | "concat";
  readonly dim: number;
  readonly parts: readonly EnsemblePart[];
}

/**
 * Decides how several models' vectors are fused. `auto` takes the weighted mean
 * where all dimensions agree, else the concatenation.
 *
 * @returns null when `mean` was asked for and dimensions differ
 */
export function planEnsemble(parts: readonly EnsemblePart[], wanted: "auto" | "mean" | "concat"): EnsemblePlan | null {
  const agree = parts.every((part) => part.dim === parts[0]?.dim);
  if (wanted === "mean" && !agree) return null;
  const method = wanted === "concat" || !agree ? "concat" : "mean";
  const dim = method === "mean" ? (parts[0]?.dim ?? 0) : parts.reduce((sum, part) => sum + part.dim, 0);
  const total = parts.reduce((sum, part) => sum + part.weight, 0);
  return { method, dim, parts: parts.map((part) => ({ ...part, weight: part.weight / total })) };
}

/**
 * Fuses rows of several models. Mean: `normalize(sum of w_i * v_i)`. Concatenation:
 * `[sqrt(w_1) * v_1, sqrt(w_2) * v_2, ...]` with weights that sum to 1, whose inner
 * product is exactly the weighted sum of the models' cosines, and whose length is 1.
 *
 * @param blocks one `[rows, dim_i]` matrix a part, rows of length 1, same order
 * @returns `[rows, plan.dim]`
 */
export function fuseRows(blocks: readonly Matrix[], plan: EnsemblePlan): Matrix {
  const rows = blocks[0]?.rows ?? 0;
  const data = new Float32Array(rows * plan.dim);
  for (let row = 0; row < rows; row++) {
    const out = data.subarray(row * plan.dim, (row + 1) * plan.dim);
    let at = 0;
    blocks.forEach((block, i) => {
      const weight = plan.parts[i]?.weight as number;
      const scale = plan.method === "mean" ? weight : Math.sqrt(weight);
      const source = rowOf(block, row);
      for (let c = 0; c < source.length; c++) out[at + c] = (out[at + c] as number) + scale * (source[c] as number);
      if (plan.method === "concat") at += source.length;
    });
    normalize(out);
  }
  return { data, rows, dim: plan.dim };
}
