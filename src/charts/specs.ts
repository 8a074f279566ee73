import type {
  AnyRun,
  Artefact,
  ChunkRun,
  DenseRun,
  FusedRun,
  PrimeRun,
  RerankRun,
  SparseRun,
} from "../schema/types.js";
import { bandsOf } from "./bands.js";
import type { Chart } from "./chart-types.js";
import { bytes, count, counted, percent } from "./format.js";
import { barChart } from "./spec-bars.js";
import { coverageChart } from "./spec-coverage.js";
import { histogramChart } from "./spec-histogram.js";
import { foundByChart, rankMovesChart, scoreByRankChart } from "./spec-ranks.js";
import { latencyChart, memoryChart, throughputChart } from "./spec-time.js";
import { clip } from "./text.js";

/** Documents drawn as bars. */
const MOST_DOCUMENTS = 8;

/** The charts of a run, by stage, from its numbers alone. A chart without data is left out. */
export function chartsOf(run: AnyRun): Chart[] {
  return drawn(run).filter((chart) => chart !== null);
}

function drawn(run: AnyRun): (Chart | null)[] {
  switch (run.kind) {
    case "prime":
      return primeCharts(run);
    case "chunk":
      return chunkCharts(run);
    case "dense":
      return denseCharts(run);
    case "sparse":
      return sparseCharts(run);
    case "fuse":
      return fuseCharts(run);
    case "rerank":
      return rerankCharts(run);
    case "export":
      return [barChart(sizesByRole(run.files), { title: "Bytes by kind of file", caption: "" })];
  }
}

function primeCharts(run: PrimeRun): (Chart | null)[] {
  const bars = run.models.map((m) => ({ name: m.model.key, value: m.bytes, words: bytes(m.bytes) }));
  return [barChart(bars, { title: "Bytes by model", caption: "" })];
}

function chunkCharts(run: ChunkRun): (Chart | null)[] {
  const types = Object.entries(run.contentTypes)
    .filter(([, n]) => n > 0)
    .sort((a, b) => b[1] - a[1])
    .map(([name, n]) => ({ name: name.replaceAll("_", " "), value: n, words: count(n) }));
  const largest = run.largest
    .slice(0, MOST_DOCUMENTS)
    .map((d) => ({ name: d.document, value: d.chunks, words: count(d.chunks) }));
  return [
    histogramChart(run.tokenBins, {
      title: "Tokens per chunk",
      caption: `the rule is the longest chunk that ${clip(run.limit.model, 40)} reads whole`,
      value: "tokens",
      one: "chunk",
      many: "chunks",
      limit: { at: run.limit.tokens, words: `limit ${count(run.limit.tokens)}` },
    }),
    barChart(types, { title: "Chunks by what they mainly hold", caption: "" }),
    barChart(largest, { title: "Largest documents, by chunks", caption: "", paths: true }),
  ];
}

function denseCharts(run: DenseRun): (Chart | null)[] {
  const { batches, memory } = run.telemetry;
  return [
    memoryChart(memory, bandsOf(run.telemetry)),
    latencyChart(batches),
    throughputChart(batches),
    histogramChart(run.nearestBins, {
      title: "Nearest neighbour",
      caption: "cosine of a chunk to the nearest other chunk, over a sample; a heap at 1 means duplicates",
      value: "cosine",
      one: "chunk",
      many: "chunks",
    }),
  ];
}

function sparseCharts(run: SparseRun): (Chart | null)[] {
  return [
    coverageChart(run.vectors),
    // One chart each: engines differ tenfold in terms, and in one chart the bins of the smaller would be hairs.
    ...run.vectors.map(({ name, termBins }) =>
      histogramChart(termBins, {
        title: run.vectors.length > 1 ? `Terms per chunk, ${clip(name, 40)}` : "Terms per chunk",
        caption: "",
        value: "terms",
        one: "chunk",
        many: "chunks",
      }),
    ),
    latencyChart(run.telemetry.batches),
    memoryChart(run.telemetry.memory, bandsOf(run.telemetry)),
  ];
}

function fuseCharts(run: FusedRun): (Chart | null)[] {
  const overlap = run.sources.map((name) => ({
    name,
    value: run.overlap[name] ?? 0,
    words: percent(run.overlap[name] ?? 0),
  }));
  return [
    scoreByRankChart(run.results),
    foundByChart(run.results, run.sources),
    barChart(run.sources.length > 1 ? overlap : [], {
      title: "Overlap with the fused top 10",
      caption: "share of the fused top 10 that a source had in its own top 10",
      whole: 1,
    }),
  ];
}

function rerankCharts(run: RerankRun): (Chart | null)[] {
  return [
    histogramChart(run.logitBins, {
      title: "Logits",
      caption: `${counted(run.pairs, "pair")}, before any sigmoid`,
      value: "logit",
      one: "pair",
      many: "pairs",
    }),
    rankMovesChart(run.results),
    latencyChart(run.telemetry.batches),
    memoryChart(run.telemetry.memory, bandsOf(run.telemetry)),
  ];
}

function sizesByRole(files: readonly Artefact[]) {
  const sizes = new Map<string, number>();
  for (const { role, bytes: size } of files) sizes.set(role, (sizes.get(role) ?? 0) + size);
  return [...sizes].sort((a, b) => b[1] - a[1]).map(([name, size]) => ({ name, value: size, words: bytes(size) }));
}
