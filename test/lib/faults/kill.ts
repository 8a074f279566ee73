import type { Cell } from "../cells.ts";
import { type BatchMoment, countBatches, killChildren } from "./children.ts";
import { type Operation, onOperation } from "./operations.ts";

/**
 * Who is killed, and where: at an operation under the root, at an operation on a journal,
 * or at a batch, each counted from 1 since the cell began. A cell that ends before it gets
 * there is killed at its end.
 */
export interface Kill {
  readonly cell: Cell;
  readonly victim: "notebook" | "inference" | "both";
  readonly at: "operation" | "journal" | "batch";
  readonly number: number;
  /** The middle of a write is when half of it is done; other operations have no middle and are killed before. */
  readonly moment: BatchMoment;
}

/** What happened since a cell began. */
export interface Count {
  operations: number;
  /** Those on journals. */
  journal: number;
  /** Batches whose results began to be written to a journal. */
  taken: number;
  /** Batches whose results have arrived. */
  arrived: number;
}

/** Watches one process for the moment of its death. */
export interface Executioner {
  /** Counts from now on; kills where the kill is of this cell. */
  begin(cell: Cell): void;
  /** Dies here, if it was to die in this cell. */
  end(cell: Cell): void;
  count(): Readonly<Count>;
}

/**
 * @param tell called with what has happened when a batch arrives or is taken
 * @param lastWords called right before this process is killed
 */
export function execute(
  kill: Kill | null,
  root: string,
  tell: (what: "arrived" | "taken") => void,
  lastWords: () => void,
): Executioner {
  let armed = false;
  let count: Count = { operations: 0, journal: 0, taken: 0, arrived: 0 };
  const die = () => {
    lastWords();
    process.kill(process.pid, "SIGKILL");
  };
  const strike = () => {
    if (kill?.victim !== "notebook") killChildren();
    if (kill?.victim !== "inference") die();
  };
  const due = (at: Kill["at"], number: number, moment: BatchMoment) =>
    armed && kill?.at === at && kill.number === number && kill.moment === moment;

  onOperation(async (operation, run) => {
    if (!operation.path.startsWith(root)) return run();
    const journal = operation.path.endsWith(".journal");
    count.operations++;
    if (journal) count.journal++;
    if (holdsBatch(operation)) {
      count.taken++;
      tell("taken");
    }
    const { operations, journal: journalNumber } = count;
    const now = (moment: BatchMoment) =>
      due("operation", operations, moment) || (journal && due("journal", journalNumber, moment));
    if (now("before")) strike();
    if (now("middle")) {
      await operation.half?.();
      strike();
    }
    const result = await run();
    if (now("after")) strike();
    return result;
  });
  return {
    begin(cell) {
      armed = kill?.cell === cell;
      count = { operations: 0, journal: 0, taken: 0, arrived: 0 };
      countBatches((moment, batch) => {
        if (moment === "after") {
          count.arrived++;
          tell("arrived");
        }
        if (due("batch", batch, moment)) strike();
      });
    },
    end(cell) {
      if (kill?.cell === cell) die();
    },
    count: () => count,
  };
}

/** Whether an operation writes a batch's result to a journal; what else is written there begins with the `{` of its header. */
function holdsBatch({ kind, path, data }: Operation): boolean {
  return kind === "write" && path.endsWith(".journal") && data?.[0] !== 0x7b;
}
