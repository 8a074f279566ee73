import type { DeviceEvent, DeviceReport, LeaseEvent } from "../schema/device-types.js";
import type { StageTelemetry } from "../schema/types.js";
import type { CardNote, DetailTable } from "./card-types.js";
import { count, counted, duration, memoryBeside, percent } from "./format.js";
import { clip } from "./text.js";

/** Rows of a table, and events that are told one by one. */
const MOST_ROWS = 24;
const MOST_EVENTS = 5;

const told: Readonly<Record<DeviceEvent["kind"], string>> = {
  halved: "a batch did not fit and was cut in two",
  new_session: "a batch did not fit again, and the session was made anew",
  new_process: "a batch did not fit again, and its process was started anew",
  row_failed: "a row did not fit even alone",
  restarted: "the process was started anew after an error",
  watchdog: "the process was ended before the memory cap",
  violation: "more memory than the cap was seen",
  timeout: "no answer came in time",
};

/** Tables of what each device did, and of the turns on it; none for a stage that ran on the CPU alone. */
export function deviceTables({ devices, leases, memory, batches }: StageTelemetry): DetailTable[] {
  const gpus = devices.filter(({ device }) => device.kind !== "cpu");
  if (gpus.length === 0) return [];
  const capOf = (name: string) => memory.find(({ device }) => device === name)?.capBytes ?? null;
  const mine = devices.reduce((sum, report) => sum + report.batches, 0);
  // A run that went on counts the batches of earlier attempts too, and nobody reported of the devices then.
  const part =
    mine < batches.length
      ? `, the last attempt's ${count(mine)} of ${counted(batches.length, "batch", "batches")}`
      : "";
  return [
    {
      title: `Devices${part}`,
      columns: [
        "Device",
        "Model",
        "Batches",
        "Tokens",
        "Padding",
        "Computing",
        "In use",
        "Peak memory",
        "Graph nodes by provider",
      ],
      right: [2, 3, 4, 5, 6, 7],
      groups: [
        {
          heading: null,
          rows: devices.slice(0, MOST_ROWS).map((report) => deviceRow(report, capOf(report.device.name))),
        },
      ],
      more: devices.length > MOST_ROWS ? `and ${count(devices.length - MOST_ROWS)} more in run.telemetry.devices` : "",
      folded: false,
    },
    ...leaseTable(leases, capOf),
  ];
}

function deviceRow({ device, model, batches, tokens, paddedTokens, ...report }: DeviceReport, cap: number | null) {
  const { busySeconds, passSeconds, utilisation, peakBytes, placement } = report;
  const product = device.kind === "cpu" ? "" : ` (${clip(device.product, 30)})`;
  return [
    `${clip(device.name, 20)}${product}`,
    clip(model, 40),
    batches,
    tokens,
    paddedTokens > 0 ? percent(1 - tokens / paddedTokens) : null,
    passSeconds > 0 ? percent(Math.min(1, busySeconds / passSeconds)) : null,
    utilisation === null ? null : percent(utilisation),
    peakBytes === null ? null : `${memoryBeside(peakBytes, cap)}${cap === null ? "" : ` of ${memoryBeside(cap, cap)}`}`,
    placement === null ? null : placementOf(placement),
  ];
}

/** `CUDA 512, CPU 18`: most nodes first. */
function placementOf(placement: Readonly<Record<string, number>>): string {
  const providers = Object.entries(placement).sort((a, b) => b[1] - a[1]);
  const words = providers
    .slice(0, 4)
    .map(([name, nodes]) => `${name.replace(/ExecutionProvider$/, "")} ${count(nodes)}`);
  return clip(words.join(", "), 60);
}

function leaseTable(leases: readonly LeaseEvent[], capOf: (device: string) => number | null): DetailTable[] {
  if (leases.length === 0) return [];
  const size = (bytes: number | null, device: string) => (bytes === null ? null : memoryBeside(bytes, capOf(device)));
  return [
    {
      title: "Turns on devices",
      columns: ["Device", "Held by", "Waited", "Held", "Memory before", "Memory after"],
      right: [2, 3, 4, 5],
      groups: [
        {
          heading: null,
          rows: leases
            .slice(0, MOST_ROWS)
            .map(({ device, owner, waitedSeconds, heldSeconds, beforeBytes, afterBytes }) => [
              clip(device, 20),
              clip(owner, 60),
              duration(waitedSeconds),
              duration(heldSeconds),
              size(beforeBytes, device),
              size(afterBytes, device),
            ]),
        },
      ],
      more: leases.length > MOST_ROWS ? `and ${count(leases.length - MOST_ROWS)} more in run.telemetry.leases` : "",
      folded: true,
    },
  ];
}

/** What happened on the devices, one line for each kind, device and model; the worst first. */
export function deviceNotes({ events }: StageTelemetry): CardNote[] {
  const worst: readonly DeviceEvent["kind"][] = ["violation", "row_failed", "watchdog", "timeout", "restarted"];
  const rank = ({ kind }: DeviceEvent) => (worst.includes(kind) ? worst.indexOf(kind) : worst.length);
  const groups = new Map<string, DeviceEvent[]>();
  for (const event of [...events].sort((a, b) => rank(a) - rank(b))) {
    const key = JSON.stringify([event.kind, event.device, event.model]);
    groups.set(key, [...(groups.get(key) ?? []), event]);
  }
  const notes = [...groups.values()].map((group): CardNote => {
    const { kind, device, model, rows, length, at, words } = group[0] as DeviceEvent;
    const times = group.length > 1 ? `, ${counted(group.length, "time")}; first` : "";
    const batch = rows > 0 ? ` with ${counted(rows, "row")} of ${counted(length, "token")}` : "";
    return {
      text: `${clip(device, 20)} · ${clip(model, 40)}: ${told[kind]}${times} after ${duration(at)}${batch} (${clip(words, 160)})`,
      tone: "warn",
    };
  });
  const rest = notes.length - MOST_EVENTS;
  if (rest <= 0) return notes;
  return [
    ...notes.slice(0, MOST_EVENTS),
    { text: `and ${counted(rest, "more kind")} of events in run.telemetry.events`, tone: "plain" },
  ];
}
