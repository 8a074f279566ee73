/** Nodes of a graph, counted by the provider that computed them and by operator. */
export type NodeCounts = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** What begins the words of {@link misplacedNodes}, so that they are known again behind a process's channel. */
export const MISPLACED = "computed on the CPU: ";

const CPU_PROVIDER = "CPUExecutionProvider";
/** Where a model's arithmetic is. Nodes that compute shapes stay on the CPU with any provider. */
const ARITHMETIC = /MatMul|Gemm|Attention|Softmax|LayerNorm/;

/**
 * Counts the nodes in a profile that onnxruntime wrote of one run: each node's kernel
 * stands there once, with its operator and its provider.
 *
 * @throws SyntaxError, TypeError for what is no profile
 */
export function nodesOf(profile: string): NodeCounts {
  const events: unknown = JSON.parse(profile);
  if (!Array.isArray(events)) throw new TypeError("the profile is no list of events");
  const counts = new Map<string, Map<string, number>>();
  for (const { cat, name, args } of events as { cat?: unknown; name?: unknown; args?: Record<string, unknown> }[]) {
    const { provider, op_name: op } = args ?? {};
    if (cat !== "Node" || typeof name !== "string" || !name.endsWith("_kernel_time")) continue;
    if (typeof provider !== "string" || typeof op !== "string") continue;
    const ops = counts.get(provider) ?? new Map<string, number>();
    counts.set(provider, ops.set(op, (ops.get(op) ?? 0) + 1));
  }
  return counts;
}

/** Nodes by provider. */
export function placementOf(counts: NodeCounts): Record<string, number> {
  const sum = (ops: ReadonlyMap<string, number>) => [...ops.values()].reduce((total, count) => total + count, 0);
  return Object.fromEntries([...counts].map(([provider, ops]) => [provider, sum(ops)]));
}

/** The arithmetic that a GPU's provider left to the CPU, in words; null where there is none, and some on the GPU. */
export function misplacedNodes(counts: NodeCounts): string | null {
  const left = [...(counts.get(CPU_PROVIDER) ?? [])].filter(([op]) => ARITHMETIC.test(op));
  const others = [...counts].filter(([provider]) => provider !== CPU_PROVIDER);
  if (left.length === 0 && others.length > 0) return null;
  const places = Object.entries(placementOf(counts)).map(([provider, count]) => `${provider} ${count} nodes`);
  return `${MISPLACED}${left.map(([op, count]) => `${count} ${op}`).join(", ") || "every node"}; ${places.join(", ")}`;
}
