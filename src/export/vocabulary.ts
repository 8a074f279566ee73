import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { flatName } from "../core/flat-name.js";
import type { SparseVectors } from "../schema/types.js";

/**
 * The term of each index of a sparse engine: its own vocabulary file, or the
 * tokenizer's. Null where neither can be read; the indices mean the same then,
 * only without words beside them.
 */
export async function vocabularyOf(
  dir: string,
  vectors: SparseVectors,
): Promise<readonly (string | undefined)[] | null> {
  if (vectors.vocabulary !== null) {
    const text = await readFile(join(dir, vectors.vocabulary), "utf8");
    return text.endsWith("\n") ? text.slice(0, -1).split("\n") : text.split("\n");
  }
  if (!vectors.model) return null;
  const { root, hubId } = vectors.model;
  // The second name is the one it has in a packed folder.
  for (const name of ["tokenizer.json", flatName(hubId, "tokenizer.json")]) {
    const text = await readFile(join(root, name), "utf8").catch(() => null);
    if (text !== null) return tokensOf(text);
  }
  return null;
}

/** Tokens by id from a `tokenizer.json`: `model.vocab` as an object (WordPiece, BPE) or as pairs (Unigram). */
function tokensOf(text: string): (string | undefined)[] | null {
  let vocab: unknown;
  try {
    vocab = (JSON.parse(text) as { model?: { vocab?: unknown } } | null)?.model?.vocab;
  } catch {
    return null;
  }
  if (Array.isArray(vocab)) return vocab.map((pair: unknown) => (Array.isArray(pair) ? String(pair[0]) : undefined));
  if (typeof vocab !== "object" || vocab === null) return null;
  const tokens: (string | undefined)[] = [];
  for (const [token, id] of Object.entries(vocab)) {
    if (Number.isInteger(id) && (id as number) >= 0 && (id as number) < 1 << 24) tokens[id as number] = token;
  }
  return tokens;
}
