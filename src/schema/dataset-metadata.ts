import { z } from "zod";

/** What names a dataset on Kaggle. */
export interface DatasetName {
  readonly title: string;
  /** `owner/slug`. */
  readonly id: string;
}

/** Name of the file that Kaggle's command line reads beside what it uploads. */
export const DATASET_METADATA = "dataset-metadata.json";

/** Characters as Python counts them, which checks the title: one an emoji, not two. */
const Title = z
  .string()
  .refine((title) => [...title].length >= 6 && [...title].length <= 50, "must have 6 to 50 characters")
  .refine((title) => !/\p{C}|[\u2028\u2029]/u.test(title), "must be one line of visible characters");
/** Kaggle's page on the file allows slugs of 3 characters; its command line, which does the upload, wants 6. */
export const DatasetIdSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_-]{0,49}\/[a-z0-9-]{6,50}$/,
    'must be "owner/slug", the slug 6 to 50 of a-z, 0-9 and "-"',
  );
const NameSchema = z.looseObject({ title: Title, id: DatasetIdSchema });

/** What is wrong with a title; null where nothing is. */
export function titleProblem(title: unknown): string | null {
  return problemOf(Title, title);
}

/** What is wrong with an id; null where nothing is. */
export function idProblem(id: unknown): string | null {
  return problemOf(DatasetIdSchema, id);
}

/** Everything in such a file, where its title and id can be used; else null. */
export function parseDatasetMetadata(text: string): (DatasetName & Readonly<Record<string, unknown>>) | null {
  try {
    const parsed = NameSchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

function problemOf(schema: z.ZodType, value: unknown): string | null {
  const parsed = schema.safeParse(value);
  return parsed.success ? null : (parsed.error.issues[0]?.message ?? "it can't be used");
}
