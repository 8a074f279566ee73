import type { ExplainedModel, LineageNode, RunExplanation, SetBy, SkipExplanation } from "../schema/lineage-types.js";
import { notesOf, plainTable } from "./card-parts.js";
import { standingWords } from "./card-stale.js";
import type { Badge, Card, Figure } from "./card-types.js";
import { count, counted, duration, moment } from "./format.js";
import { clip, clipFront } from "./text.js";

/** Where a run came from. */
export function explanationCard(run: RunExplanation): Card {
  const badges: Badge[] = [];
  if (run.standing) badges.push(standingBadge(run.standing.state));
  if (!run.onDisk) badges.push({ text: "its folder was removed", tone: "warn" });
  return {
    kind: "explanation",
    title: `Where this ${run.stage} run came from`,
    id: run.id,
    subtitle: `session ${clip(run.session, 60)} · ${moment(clip(run.made.at, 40))} UTC`,
    badges,
    figures: figuresOf(run),
    tables: [
      plainTable(
        "Settings",
        ["Setting", "Value", "Set by"],
        [],
        run.settings.map(({ name, value, setBy }) => [clip(name, 40), clip(show(value), 80), setter(setBy)]),
        { where: "settings" },
      ),
      plainTable(
        "Models",
        ["Model", "Named by", "Weights", "Pooling", "Revision", "Fingerprint", "Prefix of documents", "Folder"],
        [],
        run.models.map(modelRow),
        { where: "models" },
      ),
      plainTable("Made from", ["Run", "Stage", "On disk"], [], treeRows(run.inputs), { where: "inputs" }),
    ].filter(({ groups }) => groups.some(({ rows }) => rows.length > 0)),
    notes: notesOf(run.notes),
    charts: [],
  };
}

/** Why a stage did not run. */
export function skipExplanationCard({ stage, setting, setBy }: SkipExplanation): Card {
  return {
    kind: "explanation",
    title: `Why the ${stage} stage did not run`,
    id: "",
    subtitle: "it is switched off",
    badges: [],
    figures: [
      { label: "Setting", value: setting },
      { label: "Set by", value: setter(setBy) },
    ],
    tables: [],
    notes: [],
    charts: [],
  };
}

function figuresOf({ made, calls, reused, standing, newer, dir, inputs }: RunExplanation): Figure[] {
  const batches = reused.batches > 0 ? `, ${counted(reused.batches, "batch", "batches")} taken over` : "";
  const said = calls.computed + calls.resumed + calls.reused > 0;
  return [
    {
      label: "Made",
      value: `${made.outcome} in ${duration(made.seconds)}${batches}`,
      how: made.why && `why: ${clip(made.why, 120)}`,
    },
    ...(said ? [{ label: "Reused since", value: counted(calls.reused, "time"), how: "by the session's history" }] : []),
    ...(reused.vectors === null
      ? []
      : [{ label: "Vectors not computed", value: count(reused.vectors), how: "kept from earlier runs" }]),
    ...(standing ? [{ label: "Now", value: standing.state.replace("_", " "), how: standingWords(standing) }] : []),
    ...(newer === null ? [] : [{ label: "Last run of the stage", value: clip(newer, 40) }]),
    ...(inputs.length > 0
      ? [
          {
            label: "Made from",
            value: inputs.map(({ id }) => clip(id, 40)).join(", "),
            how: "and what that was made from: below",
          },
        ]
      : []),
    { label: "Folder", value: clipFront(dir, 90) },
  ];
}

function standingBadge(state: NonNullable<RunExplanation["standing"]>["state"]): Badge {
  if (state === "fresh") return { text: "fresh", tone: "good" };
  return state === "stale" ? { text: "stale", tone: "warn" } : { text: "not known whether stale", tone: "plain" };
}

const states = { on_disk: "yes", missing: "no", damaged: "can't be read", no_run: "–" } as const;

/** The tree by indentation. What stands there already is not taken apart again. */
function treeRows(nodes: readonly LineageNode[], depth = 0, seen = new Set<string>()): string[][] {
  return nodes.flatMap((node) => {
    const again = seen.has(node.id) && node.inputs.length > 0;
    seen.add(node.id);
    const indent = depth === 0 ? "" : `${"· ".repeat(depth)}`;
    const row = [
      `${indent}${clip(node.id, 40)}${again ? " (as above)" : ""}`,
      clip(node.stage, 20),
      states[node.state],
    ];
    return [row, ...(again ? [] : treeRows(node.inputs, depth + 1, seen))];
  });
}

function modelRow({ model, setBy }: ExplainedModel): string[] {
  return [
    clip(model.key, 40),
    setter(setBy),
    clip(model.dtype, 12),
    clip(model.pooling, 16),
    clip(model.revision, 20),
    clip(model.fingerprint, 13),
    model.documentPrefix === "" ? "none" : clip(JSON.stringify(model.documentPrefix), 40),
    clipFront(model.servedFrom, 60),
  ];
}

/** `env (dim)`: who, and by which of the session's settings. */
function setter({ source, settings }: SetBy): string {
  if (source === "model") return "the model's row or files";
  const of = settings.length > 0 ? ` (setting ${settings.join(", ")})` : source === "call" ? " of the stage" : "";
  return `${clip(source, 60)}${clip(of, 60)}`;
}

function show(value: unknown): string {
  if (value === null || value === undefined) return "not set";
  if (value === "") return "none";
  return typeof value === "string" ? value : JSON.stringify(value);
}
