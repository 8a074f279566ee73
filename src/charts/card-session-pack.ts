import type { SessionPack } from "../schema/session-pack-types.js";
import { plainTable } from "./card-parts.js";
import type { Card, CardNote } from "./card-types.js";
import { bytes, count, counted, duration } from "./format.js";
import { clip, clipFront } from "./text.js";

/** A session that is to go on in the next one: how it gets there. */
export function checkpointCard(pack: SessionPack): Card {
  const card = sessionPackCard(pack);
  const file = fileOf(pack);
  const steps = [
    `1. Save a version of the notebook with its output, or download ${clip(file, 60)} and upload it as a dataset`,
    `2. In the next session: openSession({ name: "${clip(pack.session, 64)}", from: ".../${clip(file, 60)}" }), then the same cells`,
  ];
  const warnings = card.notes.filter(({ tone }) => tone === "warn");
  return {
    ...card,
    kind: "checkpoint",
    title: "Checkpoint",
    notes: [...warnings, ...steps.map((text): CardNote => ({ text, tone: "plain" }))],
  };
}

function fileOf({ path }: SessionPack): string {
  return path.split(/[\\/]/).at(-1) ?? path;
}

/** A session in one zip: what goes along, and how it is opened elsewhere. */
export function sessionPackCard(pack: SessionPack): Card {
  const finished = Object.entries(pack.runs);
  const rows = [
    ...finished.map(([stage, runs]) => [stage, "finished", counted(runs, "run"), "reused"]),
    ...pack.inTheMaking.map(({ stage, id, batches }) => [
      stage,
      "in the making",
      clip(id, 40),
      batches > 0 ? `goes on behind ${counted(batches, "batch", "batches")}` : "begins anew",
    ]),
  ];
  const notes: CardNote[] = [];
  if (pack.damaged.length > 0)
    notes.push({
      text: `${counted(pack.damaged.length, "run")} can't be read, here or there (${clip(pack.damaged.join(", "), 200)}): compute again with rerun, or remove the folder`,
      tone: "warn",
    });
  if (pack.leftOut.length > 0)
    notes.push({
      text: `${counted(pack.leftOut.length, "file")} in the session's folder that belong to no session are not in it: ${clip(pack.leftOut.slice(0, 5).join(", "), 200)}`,
      tone: "plain",
    });
  const file = fileOf(pack);
  notes.push(
    {
      text: `1. Take ${clip(file, 60)} along: as the output of the saved notebook, or uploaded as a dataset`,
      tone: "plain",
    },
    {
      text: `2. Run the same cells there, with openSession({ name: "${clip(pack.session, 64)}", from: ".../${clip(file, 60)}" })`,
      tone: "plain",
    },
  );
  return {
    kind: "session pack",
    title: "Session, packed",
    id: "",
    subtitle: `session ${clip(pack.session, 60)}`,
    badges: [
      { text: "every file was read back", tone: "good" },
      ...(pack.damaged.length > 0
        ? [{ text: `${counted(pack.damaged.length, "damaged run")}`, tone: "warn" as const }]
        : []),
    ],
    figures: [
      { label: "Zip", value: clipFront(pack.path, 70) },
      {
        label: "Size",
        value: bytes(pack.bytes),
        how: `${counted(pack.files, "file")}, ${bytes(pack.unpackedBytes)} unpacked`,
      },
      { label: "Finished runs", value: count(finished.reduce((sum, [, runs]) => sum + runs, 0)) },
      {
        label: "Runs in the making",
        value: count(pack.inTheMaking.length),
        how: `with ${counted(
          pack.inTheMaking.reduce((sum, { batches }) => sum + batches, 0),
          "finished batch",
          "finished batches",
        )}`,
      },
      {
        label: "Exported collection",
        value:
          pack.collection.files === 0
            ? "not in it"
            : `${counted(pack.collection.files, "file")}, ${bytes(pack.collection.bytes)}`,
      },
      ...(pack.vectorBytes === null
        ? []
        : [{ label: "Vector cache", value: bytes(pack.vectorBytes), how: "of every session that shares it" }]),
      { label: "sha256", value: clip(pack.sha256, 64) },
      { label: "Time", value: duration(pack.seconds), how: "writing and reading back" },
    ],
    tables: [plainTable("Runs", ["Stage", "State", "Which", "There"], [], rows, { where: "pack.inTheMaking" })],
    notes,
    charts: [],
  };
}
