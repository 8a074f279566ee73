import type { DoctorReport } from "../schema/doctor-types.js";
import { plainTable } from "./card-parts.js";
import type { Card } from "./card-types.js";
import { counted, duration } from "./format.js";
import { clip } from "./text.js";

/** What works here: a line for each thing that was looked at, what is missing first. */
export function doctorCard({ ok, device, checks, seconds }: DoctorReport): Card {
  const of = (verdict: DoctorReport["checks"][number]["verdict"]) =>
    checks.filter((check) => check.verdict === verdict);
  const [lacking, remarks] = [of("missing"), of("note")];
  const rows = [...lacking, ...remarks, ...of("ok")].map(({ name, verdict, said, remedy }) => [
    clip(name, 40),
    verdict,
    clip(said, 400),
    remedy === null ? "–" : clip(remedy, 300),
  ]);
  return {
    kind: "report",
    title: "Doctor",
    id: "",
    subtitle: `device: ${clip(device, 20)}`,
    badges: [
      ok
        ? { text: "nothing is missing", tone: "good" }
        : { text: `${counted(lacking.length, "thing")} missing`, tone: "warn" },
    ],
    figures: [
      {
        label: "Looked at",
        value: counted(checks.length, "thing"),
        how: `in ${duration(seconds)}; nothing was fetched or changed`,
      },
    ],
    tables: [
      plainTable("Checks", ["Looked at", "Verdict", "Found", "What to do"], [], rows, { where: "report.checks" }),
    ],
    notes: [],
    charts: [],
  };
}
