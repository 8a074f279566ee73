import { z } from "zod";

/** How long one machine with a GPU had been in use when it was last looked at. */
const GpuLedgerLine = z.object({
  /** Tells machines apart, and nothing else of them. */
  machine: z.string().regex(/^[0-9a-f]{16}$/),
  at: z.iso.datetime(),
  /** Since that machine's session began. */
  seconds: z.number().nonnegative().finite(),
});

/** A line of the ledger of GPU time. */
export type GpuLedgerEntry = z.infer<typeof GpuLedgerLine>;

/** One line of a ledger; null where it is none, such as one that a kill tore. */
export function parseLedgerLine(line: string): GpuLedgerEntry | null {
  try {
    return GpuLedgerLine.safeParse(JSON.parse(line)).data ?? null;
  } catch {
    return null;
  }
}
