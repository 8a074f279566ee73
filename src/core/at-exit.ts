const works = new Set<() => void>();

function runAll(): void {
  for (const work of [...works]) work();
}

/**
 * Does something when this process exits, whatever ends it but a kill. There is one
 * listener for all: Node warns about more than ten.
 *
 * @param work synchronous, and it must not throw
 * @returns forgets the work; safe to call twice
 */
export function atExit(work: () => void): () => void {
  if (works.size === 0) process.once("exit", runAll);
  works.add(work);
  return () => {
    works.delete(work);
    if (works.size === 0) process.removeListener("exit", runAll);
  };
}
