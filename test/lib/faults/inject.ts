import { type Operation, onOperation } from "./operations.ts";

/** What goes wrong at an operation. `half` writes half of the bytes first; other operations have no half and fail outright. */
export interface Fault {
  readonly code: "ENOSPC" | "EIO";
  readonly half: boolean;
  /** Which operations are counted and fail; null for all. */
  readonly kinds: readonly Operation["kind"][] | null;
}

/** An operation that failed because it was made to. */
export interface Fired {
  readonly operation: Operation;
  readonly fault: Fault;
}

/** Faults in the operations under one folder; at most one set is armed at a time. */
export interface Injector {
  /** The `at`-th operation from now on fails, from 1; forgets what was armed. */
  arm(at: number, fault: Fault): void;
  /** Every write of more than one byte takes half of its bytes. */
  shorten(): void;
  disarm(): void;
  /** What has failed since it was armed. */
  fired(): Fired | null;
  /** Operations since it was armed. */
  count(): number;
}

/** Watches the operations under `root`. */
export function injectFaults(root: string): Injector {
  let at = 0;
  let fault: Fault | null = null;
  let short = false;
  let seen = 0;
  let fired: Fired | null = null;
  const reset = () => {
    fault = null;
    short = false;
    seen = 0;
    fired = null;
  };
  onOperation(async (operation, run) => {
    if (!operation.path.startsWith(root)) return run();
    if (fault?.kinds?.includes(operation.kind) === false) return run();
    seen++;
    if (short && operation.half) {
      const bytesWritten = await operation.half();
      return bytesWritten > 0 ? { bytesWritten } : run();
    }
    if (!fault || seen !== at) return run();
    fired = { operation, fault };
    if (fault.half) await operation.half?.();
    throw systemError(fault.code, operation);
  });
  return {
    arm(operation, wanted) {
      reset();
      at = operation;
      fault = wanted;
    },
    shorten() {
      reset();
      short = true;
    },
    disarm: reset,
    fired: () => fired,
    count: () => seen,
  };
}

const words = { ENOSPC: "no space left on device", EIO: "i/o error" };

function systemError(code: Fault["code"], { kind, path }: Operation): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${words[code]}, ${kind} '${path}'`), { code, syscall: kind, path });
}
