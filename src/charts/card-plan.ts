import type { ComputePlan, PlannedPass } from "../schema/plan-types.js";
import { notesOf, plainTable } from "./card-parts.js";
import type { Card, Figure } from "./card-types.js";
import { count, counted, duration, memoryBeside, percent } from "./format.js";
import { barChart } from "./spec-bars.js";
import { clip } from "./text.js";

/** What passes will take. */
export function planCard(plan: ComputePlan): Card {
  const { passes, devices, capBytes, seconds, quotaShare, gpuQuotaHours } = plan;
  const peaks = passes.flatMap(({ peakBytes }) => peakBytes ?? []);
  const peak = Math.max(0, ...peaks);
  const figures: Figure[] = [
    { label: "Devices", value: devicesOf(devices) },
    {
      label: "Time",
      value: seconds === null ? "not known" : duration(seconds),
      how: [...new Set(passes.map(({ basis }) => clip(basis, 120)))].join("; "),
    },
    ...(quotaShare === null
      ? []
      : [
          {
            label: "Of the week's GPU hours",
            value: percent(quotaShare),
            how: `of ${count(gpuQuotaHours)} hours; a session counts once, however many GPUs it has`,
          },
        ]),
    ...(capBytes === null || peaks.length === 0
      ? []
      : [
          {
            label: "Peak memory",
            value: `${memoryBeside(peak, capBytes)} of ${memoryBeside(capBytes, capBytes)}`,
            how: "on one device, by formula: the model, and what batches take beside it",
          },
        ]),
  ];
  const chart = barChart(
    passes.flatMap(({ stage, model, seconds: time }) =>
      time === null ? [] : [{ name: `${stage} · ${model}`, value: time, words: duration(time) }],
    ),
    { title: "Time by pass", caption: "loading included" },
  );
  return {
    kind: "compute plan",
    title: "What it will take",
    id: "",
    subtitle: `session ${clip(plan.session, 60)} · ${clip(plan.chunks, 40)} · nothing was computed`,
    badges: [],
    figures,
    tables: [
      plainTable(
        "Passes",
        [
          "Stage",
          "Model",
          "Weights",
          "Rows",
          "Tokens",
          "Batches",
          "Padding",
          "Devices computing",
          "Peak memory",
          "Time",
        ],
        [3, 4, 5, 6, 7, 8, 9],
        passes.map((pass) => passRow(pass, capBytes)),
        { where: "plan.passes" },
      ),
    ],
    notes: notesOf(plan.notes),
    charts: chart === null ? [] : [chart],
  };
}

/** `2 × Tesla T4 (simulated)` */
function devicesOf(products: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const product of products) counts.set(product, (counts.get(product) ?? 0) + 1);
  return [...counts].map(([product, number]) => `${number > 1 ? `${number} × ` : ""}${clip(product, 40)}`).join(", ");
}

function passRow({ stage, model, dtype, rows, batches, tokens, ...pass }: PlannedPass, cap: number | null) {
  const { paddedTokens, busy, peakBytes, seconds, tooLong } = pass;
  return [
    stage,
    clip(model, 40),
    clip(dtype, 12),
    tooLong > 0 ? `${count(rows)} (${counted(tooLong, "does", "do")} not fit)` : rows,
    tokens,
    batches,
    paddedTokens > 0 ? percent(1 - tokens / paddedTokens) : null,
    busy === null ? null : percent(busy),
    peakBytes === null ? null : memoryBeside(peakBytes, cap),
    seconds === null ? null : duration(seconds),
  ];
}
