import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { random } from "./random.ts";

const SECTIONS = 100;

/**
 * Writes a corpus of `chunks` sections of about 30 words, drawn from 20,000 words by
 * Zipf's law, a hundred sections a document. The same numbers give the same bytes.
 */
export async function writeZipfCorpus(dir: string, chunks: number, seed = 42): Promise<void> {
  const next = random(seed);
  const letters = "abcdefghijklmnopqrstuvwxyz";
  const word = (rank: number) => {
    let text = "";
    for (let n = rank + 1; n > 0; n = Math.floor(n / 26)) text += letters[n % 26];
    return text.padEnd(3, "x");
  };
  for (let doc = 0; doc * SECTIONS < chunks; doc++) {
    const sections: string[] = [];
    for (let s = doc * SECTIONS; s < Math.min(chunks, (doc + 1) * SECTIONS); s++) {
      const words = Array.from({ length: 30 }, () => word(Math.floor(20_000 ** next())));
      sections.push(`## Section ${s}\n\n${words.join(" ")}.\n`);
    }
    await writeFile(join(dir, `doc-${String(doc).padStart(4, "0")}.md`), sections.join("\n"));
  }
}
