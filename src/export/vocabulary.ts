import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { SparseVectors } from "../schema/types.js";

/**
 * The term of each index of a sparse engine: its own vocabulary file, or the
 * tokenizer's. Null where neither can be read; the indices mean the same then,
 * only without words beside them.
 *
 * @param dir of the sparse run
 * @param tokenizer the `tokenizer.json` of the engine's model, where it is on this machine
 */
export async function vocabularyOf(
  dir: string,
  vectors: Pick<SparseVectors, "vocabulary">,
  tokenizer: string | undefined,
): Promise<readonly (string | undefined)[] | null> {
  if (vectors.vocabulary !== null) {
    const text = await readFile(join(dir, vectors.vocabulary), "utf8");
    return text.endsWith("\n") ? text.slice(0, -1).split("\n") : text.split("\n");
  }
  const text = tokenizer === undefined ? null : await readFile(tokenizer, "utf8").catch(() => null);
  return text === null ? null : tokensOf(text);
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
