import type { SessionStatus } from "../schema/session-status-types.js";
import type { Provenance, Settings } from "../schema/settings-types.js";
import { diskIsShort, diskWords, gpuIsShort, gpuWords, timeIsShort, timeWords } from "./card-left.js";
import { plainTable } from "./card-parts.js";
import type { Badge, Card, Figure } from "./card-types.js";
import { duration } from "./format.js";
import { clip, clipFront } from "./text.js";

/** What of a session its card shows. */
export interface SessionShown {
  readonly name: string;
  readonly dir: string;
  readonly settings: Settings;
  readonly provenance: Provenance;
}

/** An open session: where it is, what it computes with, and what is left to it. */
export function sessionCard({ name, dir, settings, provenance }: SessionShown, status: SessionStatus): Card {
  const { dense, sparse, rerank, enableSparse, enableRerank, device, offline } = settings;
  const rows = (Object.keys(provenance) as (keyof Settings)[]).map((setting) => [
    setting,
    clip(JSON.stringify(settings[setting]), 80),
    clip(provenance[setting].source, 60),
  ]);
  return {
    kind: "session",
    title: "Session",
    id: clip(name, 64),
    subtitle: clipFront(dir, 70),
    badges: [...badgesOf(status), ...(offline ? [{ text: "offline", tone: "plain" } as const] : [])],
    figures: [
      ...leftFigures(status),
      { label: "Dense", value: clip(dense.join(", "), 120), how: `device: ${device}` },
      { label: "Sparse", value: enableSparse ? clip(sparse.join(", "), 120) : "off" },
      { label: "Rerank", value: enableRerank ? clip(rerank, 120) : "off" },
    ],
    tables: [
      plainTable("Settings", ["Setting", "Value", "Set by"], [], rows, {
        where: "session.settings",
        folded: true,
        most: 60,
      }),
    ],
    notes: [],
    charts: [],
  };
}

function badgesOf({ time, gpu, disk }: SessionStatus): Badge[] {
  const short = [
    ...(time && timeIsShort(time) ? ["little time"] : []),
    ...(gpu && gpuIsShort(gpu) ? ["few GPU hours"] : []),
    ...(disk && diskIsShort(disk) ? ["little room"] : []),
  ];
  return short.map((text) => ({ text, tone: "warn" }));
}

function leftFigures({ time, gpu, disk }: SessionStatus): Figure[] {
  const figures: Figure[] = [];
  if (time) {
    const stop = time.marginSeconds > 0 ? `; stages stop ${duration(time.marginSeconds)} before its end` : "";
    figures.push({ label: "Time", value: timeWords(time), how: `counted from ${time.startFrom}${stop}` });
  }
  if (gpu) {
    const how = gpu.counting ? "this machine has a GPU, so its time counts" : "this machine has no GPU";
    figures.push({ label: "GPU hours", value: gpuWords(gpu), how });
  }
  if (disk) figures.push({ label: "Disk", value: diskWords(disk), how: "the last count, at most some minutes old" });
  return figures;
}
