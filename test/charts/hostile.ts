/** Text that tries to be more than text. */
export const PAYLOADS = [
  `<script>alert(1)</script>`,
  `"><img src=x onerror=alert(1)>`,
  `' onmouseover='alert(1)`,
  `</style></table></svg><iframe src=//evil.example>`,
  "\u202etxt.exe\u2066",
  "\u001b[31mred\u001b]0;title\u0007\r\nforged line",
  "&lt;already&gt; & half \ud83d",
  `<b>${"A".repeat(10_000)}`,
];

/** Keys whose values the type system ties to our own words. */
const OURS = new Set([
  "kind",
  "stage",
  "state",
  "cell",
  "rerun",
  "setting",
  "method",
  "reason",
  "startedAt",
  "finishedAt",
]);

/** A copy of a value in which every string that could be foreign is a payload, map keys included. */
export function poisoned<T>(value: T, payload: string): T {
  if (typeof value === "string") return payload as T;
  if (Array.isArray(value)) return value.map((item) => poisoned(item, payload)) as T;
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      const own = /^[a-z][a-zA-Z0-9]*$/.test(key);
      return [own ? key : payload, OURS.has(key) ? item : poisoned(item, payload)];
    }),
  ) as T;
}
