/** Counts rows over several passes, for one line of progress. */
export interface RowCounter {
  add(rows: number): void;
  /** The same items, counted as they pass. */
  over<T>(items: AsyncIterable<T>): AsyncGenerator<T>;
}

/** Rows between two reports. */
const STEP = 1024;

/** Counts up to `total`. @param onProgress told often enough for a display, not for each row */
export function rowCounter(total: number, onProgress: (done: number, total: number) => void = () => {}): RowCounter {
  let done = 0;
  let told = 0;
  onProgress(0, total);
  const add = (rows: number) => {
    done += rows;
    if (done - told < STEP && done < total) return;
    told = done;
    onProgress(done, total);
  };
  return {
    add,
    async *over(items) {
      for await (const item of items) {
        yield item;
        add(1);
      }
    },
  };
}
