import type { DatabaseSync } from "node:sqlite";

/** The rows of one space. */
export interface SpaceContents {
  /** Registry key of the model that made them. */
  readonly model: string;
  readonly dtype: string;
  readonly output: "dense" | "sparse";
  readonly width: number;
  readonly rows: number;
  /** Bytes of their vectors. */
  readonly bytes: number;
  /** When the least and the most recently used of them were used, in seconds since 1970. */
  readonly oldest: number;
  readonly newest: number;
}

/** What a cache file holds: spaces by size, largest first. @throws SQLite's own errors */
export function contentsOf(db: DatabaseSync): SpaceContents[] {
  return db
    .prepare(`
      SELECT model, dtype, output, width, count(*) AS rows, sum(bytes) AS bytes, min(at) AS oldest, max(at) AS newest
      FROM keys JOIN spaces ON spaces.id = keys.space
      GROUP BY spaces.id ORDER BY sum(bytes) DESC, spaces.id`)
    .all()
    .map((row) => ({ ...row })) as unknown as SpaceContents[];
}
