/** The operator's Stop while a stage runs. */
export interface StopSignal {
  readonly signal: AbortSignal;
  /** Stops listening; an interrupt is again what it was before. */
  dispose(): void;
}

/**
 * Listens for an interrupt (SIGINT: Stop in a notebook, Ctrl-C in a terminal) and
 * turns it into an aborted signal. While it listens, an interrupt does not end the
 * process.
 *
 * The listener is added after one turn of the event loop. tslab runs a cell's
 * synchronous part with `breakOnSigint`: Node takes SIGINT for itself meanwhile and
 * then restores its default action. A listener that was added in between counts as
 * registered and is not, and the next Stop would kill the kernel.
 */
export async function stopSignal(): Promise<StopSignal> {
  await new Promise((resolve) => setImmediate(resolve));
  const controller = new AbortController();
  const onInterrupt = () => controller.abort();
  process.on("SIGINT", onInterrupt);
  return {
    signal: controller.signal,
    dispose: () => void process.removeListener("SIGINT", onInterrupt),
  };
}
