import type { PrimeRun } from "../schema/types.js";
import { plainTable, runCard } from "./card-parts.js";
import type { Card, Figure } from "./card-types.js";
import { bytes, count, counted, duration } from "./format.js";
import { clip, clipFront } from "./text.js";

/** The model cache: which models were found whole, and where. */
export function primeCard(run: PrimeRun): Card {
  const files = run.models.reduce((n, m) => n + m.files.length, 0);
  const models = run.models.map((m) => [
    clip(m.model.key, 40),
    m.role,
    clip(m.model.dtype, 12),
    count(m.model.maxTokens),
    bytes(m.bytes),
    `${clip(m.licence, 30)}${m.commercialUse ? "" : " (no commercial use)"}`,
    clip(m.model.revision, 20),
  ]);
  const roots = [...new Set(run.models.map((m) => m.model.servedFrom))];
  return runCard(
    run,
    "Model cache",
    [
      { label: "Models", value: count(run.models.length) },
      { label: "Files", value: `${counted(files, "file")}, ${bytes(run.bytes)}` },
      ...fetchedFigures(run),
      {
        label: "Served from",
        value: roots.length === 1 ? clipFront(roots[0] ?? "", 60) : counted(roots.length, "folder"),
      },
    ],
    [
      plainTable(
        "Models",
        ["Model", "Role", "Weights", "Longest input", "Size", "Licence", "Revision"],
        [3, 4],
        models,
        {
          where: "run.models",
        },
      ),
    ],
  );
}

function fetchedFigures({ fetched }: PrimeRun): Figure[] {
  // Absent from runs that an earlier version stored.
  if (!fetched) return [];
  const rate = fetched.seconds > 0 ? `, ${bytes(fetched.bytes / fetched.seconds)}/s` : "";
  const kept = fetched.resumedBytes > 0 ? `; ${bytes(fetched.resumedBytes)} were there already` : "";
  const again = fetched.retries > 0 ? `; ${counted(fetched.retries, "failed attempt")} repeated` : "";
  return [
    {
      label: "Fetched",
      value: `${counted(fetched.files, "file")}, ${bytes(fetched.bytes)}`,
      how: `in ${duration(fetched.seconds)}${rate}${kept}${again}`,
    },
  ];
}
