import { z } from "zod";

/** The first key of a stored baseline. */
export const PARITY_SCHEMA = "rag-cells/parity@1";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const ParityFile = z.strictObject({
  schema: z.literal(PARITY_SCHEMA),
  /** What the last bits of its vectors depend on. */
  machine: z.strictObject({ instructionSet: z.string(), encoder: z.string(), node: z.string() }),
  artefacts: z.array(
    z.strictObject({
      name: z.string(),
      rows: z.int().min(0),
      sha256,
      /** Whether its bytes are the same on every processor. */
      exact: z.boolean(),
      /** The first 8 hex digits of each row's sha256, one after another; absent where a run's file holds the same rows. */
      rowHashes: z
        .string()
        .regex(/^([0-9a-f]{8})*$/)
        .optional(),
    }),
  ),
  /** A few rows of each run's vectors, for processors whose last bits differ. */
  samples: z.array(
    z.strictObject({
      artefact: z.string(),
      row: z.int().min(0),
      chunkId: z.string(),
      values: z.array(z.number()).min(1),
    }),
  ),
});

/** A stored baseline. */
export type ParityFileContent = z.infer<typeof ParityFile>;

/** The baseline, or what is wrong with it. */
export type ParityFileResult =
  | { readonly ok: true; readonly baseline: ParityFileContent }
  | { readonly ok: false; readonly problem: string };

/** Checks the text of a stored baseline. */
export function parseParityFile(text: string): ParityFileResult {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return { ok: false, problem: `it is no JSON (${(error as Error).message})` };
  }
  const parsed = ParityFile.safeParse(json);
  if (parsed.success) return { ok: true, baseline: parsed.data };
  const [issue] = parsed.error.issues;
  return { ok: false, problem: `at ${issue?.path.join(".") || "its top"}: ${issue?.message}` };
}
