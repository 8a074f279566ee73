import { readFile } from "node:fs/promises";
import { BUDGETS_SCHEMA, type BudgetsFile, parseBudgetsFile } from "../schema/budgets-file.js";
import { writeAtomic } from "./atomic.js";
import type { SessionLayout } from "./layout.js";

/** What a budget is remembered by: the device's product, the model's fingerprint and its dtype. */
export type BudgetKey = Pick<BudgetsFile["budgets"][number], "product" | "fingerprint" | "dtype">;
export type KeptBudget = BudgetsFile["budgets"][number]["budget"];

/** Reads and remembers budgets. */
export interface BudgetKeeper {
  /** @returns null where there is none; `damaged` where what was kept could not be read */
  read(key: BudgetKey): Promise<{ readonly budget: KeptBudget | null; readonly damaged: boolean }>;
  /** @throws RagError `store_write_failed` */
  write(key: BudgetKey, budget: KeptBudget): Promise<void>;
}

/** The budgets of a session. Writing is for who holds the session's lock. */
export function budgetsIn(layout: SessionLayout): BudgetKeeper {
  return { read: (key) => readBudget(layout, key), write: (key, budget) => writeBudget(layout, key, budget) };
}

/** Budgets that are kept; the oldest give way. */
const MOST = 128;

/**
 * What earlier passes found about a model on such a device.
 *
 * @returns the budget, or null where there is none; `damaged` where the file could not be read
 */
export async function readBudget(
  layout: SessionLayout,
  key: BudgetKey,
): Promise<{ readonly budget: KeptBudget | null; readonly damaged: boolean }> {
  const { file, damaged } = await readBudgets(layout);
  return { budget: file.budgets.find((entry) => isSame(entry, key))?.budget ?? null, damaged };
}

/**
 * Remembers what a pass found, in place of what was known. A damaged file is replaced.
 * Call it under the session's lock.
 *
 * @throws RagError `store_write_failed`
 */
export async function writeBudget(layout: SessionLayout, key: BudgetKey, budget: KeptBudget): Promise<void> {
  const { file } = await readBudgets(layout);
  const others = file.budgets.filter((entry) => !isSame(entry, key)).slice(1 - MOST);
  const { product, fingerprint, dtype } = key;
  const content: BudgetsFile = {
    schema: BUDGETS_SCHEMA,
    budgets: [...others, { product, fingerprint, dtype, budget }],
  };
  await writeAtomic(layout.budgetsFile, `${JSON.stringify(content, null, 2)}\n`, "the remembered budgets");
}

/** All of them, the oldest first. */
export async function readBudgets({ budgetsFile }: SessionLayout): Promise<{ file: BudgetsFile; damaged: boolean }> {
  const empty: BudgetsFile = { schema: BUDGETS_SCHEMA, budgets: [] };
  let text: string;
  try {
    text = await readFile(budgetsFile, "utf8");
  } catch (error) {
    return { file: empty, damaged: (error as NodeJS.ErrnoException).code !== "ENOENT" };
  }
  const file = parseBudgetsFile(text);
  return file ? { file, damaged: false } : { file: empty, damaged: true };
}

function isSame(one: BudgetKey, other: BudgetKey): boolean {
  return one.product === other.product && one.fingerprint === other.fingerprint && one.dtype === other.dtype;
}
