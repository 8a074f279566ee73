import type { ExportRun } from "../schema/types.js";
import { plainTable, runCard } from "./card-parts.js";
import type { Card } from "./card-types.js";
import { bytes, count, counted } from "./format.js";
import { clip, clipFront } from "./text.js";

/** A collection on disk: its files, and what reading them back found. */
export function exportCard(run: ExportRun): Card {
  const failed = run.checks.filter((check) => !check.passed);
  const checks = [...failed, ...run.checks.filter((check) => check.passed)];
  const card = runCard(
    run,
    "Exported collection",
    [
      { label: "Collection", value: clip(run.collection, 60) },
      { label: "Points", value: count(run.points) },
      { label: "Files", value: `${counted(run.files.length, "file")}, ${bytes(run.bytes)}` },
      { label: "Folder", value: clipFront(run.folder, 70) },
      { label: "Manifest", value: clipFront(run.manifest, 70) },
      {
        label: "Read back",
        value: `${count(checks.length - failed.length)} of ${counted(checks.length, "check")} passed`,
        how: "every file read again after writing",
      },
    ],
    [
      plainTable(
        "Checks",
        ["Check", "Result", "What was found"],
        [],
        checks.map((c) => [clip(c.name, 60), c.passed ? "passed" : "✗ failed", clip(c.detail, 120)]),
        { where: "run.checks" },
      ),
      plainTable(
        "Files",
        ["File", "Kind", "Size", "sha256"],
        [2],
        run.files.map((f) => [clipFront(f.path, 60), clip(f.role, 24), bytes(f.bytes), `${clip(f.sha256, 13)}`]),
        { where: "run.files", folded: run.files.length > 14 },
      ),
    ],
  );
  const badge =
    checks.length === 0
      ? { text: "not verified", tone: "warn" as const }
      : failed.length === 0
        ? { text: "verified", tone: "good" as const }
        : { text: `${counted(failed.length, "check")} failed`, tone: "warn" as const };
  return { ...card, badges: [badge, ...card.badges] };
}
