import type { CachePack, CacheReport, PrimePlan } from "../schema/cache-types.js";
import { plainTable } from "./card-parts.js";
import type { Badge, Card, Figure } from "./card-types.js";
import type { Chart } from "./chart-types.js";
import { bytes, count, counted, duration } from "./format.js";
import { type Bar, barChart } from "./spec-bars.js";
import { clip, clipFront } from "./text.js";

/** What priming would do: what is there, what would be fetched, whether it fits. */
export function primePlanCard(plan: PrimePlan): Card {
  const missing = plan.models.filter(({ state }) => state === "missing");
  const fits = plan.freeBytes === null || plan.toFetch <= plan.freeBytes;
  const badges: Badge[] = [];
  if (missing.length > 0) badges.push({ text: "offline, models are missing", tone: "warn" });
  else if (plan.toFetch === 0) badges.push({ text: "everything is there", tone: "good" });
  if (!fits) badges.push({ text: "does not fit", tone: "warn" });
  const rows = plan.models.map((model) => [
    clip(model.key, 40),
    model.role,
    clip(model.dtype, 12),
    model.state,
    bytes(model.bytes),
    model.state === "missing" ? "–" : bytes(model.toFetch),
    model.revision === null ? "–" : clip(model.revision, 20),
    `${clip(model.licence, 30)}${model.commercialUse ? "" : " (no commercial use)"}`,
  ]);
  const files = plan.models.flatMap((model) =>
    model.files.map((file) => [
      clip(model.key, 40),
      clipFront(file.path, 60),
      file.bytes === null ? "–" : bytes(file.bytes),
      bytes(file.onDisk),
      clip(file.problem, 80),
    ]),
  );
  return {
    kind: "plan",
    title: "Model cache, planned",
    id: "",
    subtitle: "nothing was fetched",
    badges,
    figures: [
      { label: "Models", value: `${count(plan.models.length)}, ${bytes(plan.bytes)}` },
      { label: "To fetch", value: bytes(plan.toFetch), how: `into ${clipFront(plan.cacheDir, 60)}` },
      { label: "Free there", value: plan.freeBytes === null ? "unknown" : bytes(plan.freeBytes) },
    ],
    tables: [
      plainTable(
        "Models",
        ["Model", "Role", "Weights", "State", "Size", "To fetch", "Revision", "Licence"],
        [4, 5],
        rows,
        { where: "plan.models" },
      ),
      plainTable("Files", ["Model", "File", "Size", "On disk", "Problem"], [2, 3], files, {
        where: "plan.models",
        folded: true,
      }),
    ],
    notes: [],
    charts: charts(
      plan.models.map(({ key, bytes: size, toFetch }) => ({
        name: key,
        value: plan.toFetch > 0 ? toFetch : size,
        words: bytes(plan.toFetch > 0 ? toFetch : size),
      })),
      plan.toFetch > 0 ? "To fetch, by model" : "On disk, by model",
    ),
  };
}

/** What reading every byte of the models again has shown. */
export function cacheReportCard(report: CacheReport): Card {
  const bad = report.files.filter(({ state }) => state === "bad");
  const unlocked = report.files.filter(({ state }) => state === "unlocked");
  const { unfinished } = report;
  const badges: Badge[] = report.ok
    ? [{ text: "every file is whole", tone: "good" }]
    : [{ text: `${counted(bad.length, "bad file")}`, tone: "warn" }];
  const figures: Figure[] = [
    { label: "Files", value: `${counted(report.files.length, "file")}, ${bytes(report.bytes)}` },
    {
      label: "Read",
      value: report.seconds > 0 ? `${bytes(report.bytes / report.seconds)}/s` : "–",
      how: `every byte, with its sha256, in ${duration(report.seconds)}`,
    },
    {
      label: "Served from",
      value: report.roots.length === 1 ? clipFront(report.roots[0] ?? "", 60) : counted(report.roots.length, "folder"),
    },
  ];
  if (unfinished.files > 0)
    figures.push({
      label: "Half-fetched",
      value: `${counted(unfinished.files, "file")}, ${bytes(unfinished.bytes)}`,
      how: "never loaded; primeCache goes on from them",
    });
  const rows = [...bad, ...report.files.filter(({ state }) => state !== "bad")].map((file) => [
    clip(file.model, 40),
    clipFront(file.path, 60),
    bytes(file.bytes),
    file.state,
    clip(file.problem, 120),
  ]);
  return {
    kind: "report",
    title: "Model cache, verified",
    id: "",
    subtitle: "against the lock files",
    badges,
    figures,
    tables: [plainTable("Files", ["Model", "File", "Size", "State", "Problem"], [2], rows, { where: "report.files" })],
    notes:
      unlocked.length > 0
        ? [
            {
              text: `${counted(unlocked.length, "file")} in no lock file: primeCache writes them there, and a later change is then found.`,
              tone: "plain",
            },
          ]
        : [],
    charts: charts(
      [...new Set(report.files.map(({ model }) => model))].map((model) => {
        const size = report.files.reduce((sum, file) => sum + (file.model === model ? file.bytes : 0), 0);
        return { name: model, value: size, words: bytes(size) };
      }),
      "Read and hashed, by model",
    ),
  };
}

function charts(bars: readonly Bar[], title: string): Chart[] {
  const chart = barChart(bars, { title, caption: "" });
  return chart === null ? [] : [chart];
}

/** A folder that can be uploaded as a dataset, or one that came out of such an archive. */
export function cachePackCard(pack: CachePack): Card {
  const packed = pack.archive === null;
  const closed = pack.models.filter(({ commercialUse }) => commercialUse === false).length;
  const rows = pack.models.map(({ key, hubId, licence, commercialUse }) => [
    clip(key, 40),
    clip(hubId, 60),
    `${clip(licence, 30)}${commercialUse === false ? " (no commercial use)" : ""}`,
  ]);
  const figures: Figure[] = [
    { label: "Folder", value: clipFront(pack.dir, 60) },
    { label: "Files", value: `${counted(pack.files, "file")}, ${bytes(pack.bytes)}` },
  ];
  if (pack.archive !== null) figures.push({ label: "Archive", value: clipFront(pack.archive, 60) });
  return {
    kind: packed ? "pack" : "unpack",
    title: packed ? "Model cache, packed" : "Model cache, unpacked",
    id: "",
    subtitle: packed ? "every file was read back" : "every file is as its lock file says",
    badges: closed > 0 ? [{ text: `${counted(closed, "model")} without commercial use`, tone: "warn" }] : [],
    figures,
    tables: [plainTable("Models", ["Model", "Repository", "Licence"], [], rows, { where: "pack.models" })],
    notes: [],
    charts: [],
  };
}
