import { z } from "zod";

/** The first key of every `budgets.json`. */
export const BUDGETS_SCHEMA = "rag-cells/budgets@1";

const Count = z.number().positive().finite();

const BudgetSchema = z.strictObject({
  bytesFactor: Count,
  buckets: z
    .array(
      z.strictObject({
        upTo: z.int().min(1),
        tokens: Count,
        tokensPerSecond: Count,
        settled: z.boolean().default(false),
        tooMany: Count.nullable(),
        measured: z.strictObject({ tokens: Count, length: Count, bytes: z.number().min(0).finite() }).nullable(),
      }),
    )
    .max(64)
    .readonly(),
});

const FileSchema = z.strictObject({
  schema: z.literal(BUDGETS_SCHEMA),
  budgets: z
    .array(z.strictObject({ product: z.string(), fingerprint: z.string(), dtype: z.string(), budget: BudgetSchema }))
    .max(256)
    .readonly(),
});

/** What passes found about their models on their devices: `budgets.json`, the oldest first. */
export type BudgetsFile = z.infer<typeof FileSchema>;

/** Reads `budgets.json`; null where it holds something else. */
export function parseBudgetsFile(text: string): BudgetsFile | null {
  try {
    return FileSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
