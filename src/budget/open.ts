import type { BatchBudget, BudgetInput } from "./types.js";
export function openBudget(_input: BudgetInput): BatchBudget {
  throw new Error("stub");
}
