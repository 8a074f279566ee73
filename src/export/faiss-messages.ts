/** What the process that holds faiss-node is asked. */
export interface FaissRequest {
  readonly path: string;
  /** Row-major, of the index's width. */
  readonly queries: Float32Array;
  readonly k: number;
}

/** What it answers: rows and scores, `k` for each query, best first. */
export type FaissReply =
  | { readonly kind: "found"; readonly rows: readonly number[]; readonly scores: readonly number[] }
  | { readonly kind: "absent"; readonly reason: string }
  | { readonly kind: "failed"; readonly reason: string };
