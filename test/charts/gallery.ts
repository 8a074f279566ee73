/** Every card on one page, to look at by hand: node test/charts/gallery.ts OUT.html */
import { writeFileSync } from "node:fs";
import { cardOf, type Showable } from "../../dist/charts/card.js";
import { textOf } from "../../dist/charts/card-text.js";
import { drawCard } from "../../dist/charts/present.js";
import { progressHtml } from "../../dist/charts/progress-line.js";
import * as sample from "./sample-runs.ts";

const out = process.argv[2];
if (!out) throw new Error("say where the page goes: node test/charts/gallery.ts OUT.html");

const reused = { ...sample.denseRun(), reused: true };
const values: Showable[] = [
  sample.primeRun(),
  sample.chunkRun(),
  sample.denseRun(),
  sample.largeDenseRun(),
  sample.gpuDenseRun(),
  sample.sparseRun(),
  sample.querySet(),
  sample.fusedRun(),
  sample.rerankRun(),
  sample.exportRun(),
  sample.skipped(),
  reused,
];
const cards: string[] = [];
for (const value of values) {
  const card = cardOf(value);
  const from = performance.now();
  cards.push(await drawCard(card));
  process.stdout.write(
    `${(performance.now() - from).toFixed(0).padStart(5)} ms  ${card.charts.length} charts  ${textOf(card).split("\n")[0]}\n`,
  );
}
const moment = {
  label: "dense · sample-bi-encoder",
  unit: "chunks",
  total: 412,
  done: 187,
  rate: 61.2,
  elapsed: 3.05,
  detail: "batch 24 of 51",
};
const lines = [
  progressHtml({ ...moment, outcome: "running", message: "" }),
  progressHtml({ ...moment, done: 412, outcome: "finished", message: "412 chunks in 6.73 s, 61.2 chunks/s" }),
  progressHtml({ ...moment, outcome: "failed", message: "stopped (after 3.05 s)" }),
];
const style = `:root{color-scheme:light dark}body{margin:24px;background:#fff;color:#1b1b1b}@media(prefers-color-scheme:dark){body{background:#111;color:#e2e2e2}}`;
writeFileSync(
  out,
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>Cards</title><style>${style}</style><body>${[...lines, ...cards].join("\n")}</body></html>`,
);
