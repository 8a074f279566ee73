import { z } from "zod";
import { DatasetIdSchema } from "./dataset-metadata.js";

/** Name of the file that `kaggle kernels push` reads beside the notebook. */
export const KERNEL_METADATA = "kernel-metadata.json";

/** What a notebook on Kaggle is called, and what it runs on. */
export interface KernelMetadata {
  /** `owner/slug`; the title, made a slug, has to be the same, or Kaggle makes another one of it. */
  readonly id: string;
  readonly title: string;
  readonly code_file: string;
  readonly language: "python";
  readonly kernel_type: "notebook";
  readonly is_private: boolean;
  readonly enable_gpu: boolean;
  readonly enable_internet: boolean;
  /** Left out where the notebook wants no GPU. */
  readonly machine_shape?: "NvidiaTeslaT4";
  readonly dataset_sources: readonly string[];
  readonly competition_sources: readonly string[];
  readonly kernel_sources: readonly string[];
}

/** Kaggle's command line wants titles and slugs of 5 characters; its page of notebooks ends titles at 50. */
const TitleSchema = z
  .string()
  .refine((title) => [...title].length >= 5 && [...title].length <= 50, "must have 5 to 50 characters")
  .refine((title) => !/\p{C}|[\u2028\u2029]/u.test(title), "must be one line of visible characters");
const IdSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_-]{0,49}\/[a-z0-9](?:[a-z0-9-]{3,48})[a-z0-9]$/,
    'must be "owner/slug", the slug 5 to 50 of a-z, 0-9 and "-", with no "-" at its ends',
  );
const CodeFileSchema = z.string().regex(/^[\w.-]+\.ipynb$/, "must be the name of a notebook in the same folder");

const MetadataSchema = z
  .strictObject({
    id: IdSchema,
    title: TitleSchema,
    code_file: CodeFileSchema,
    language: z.literal("python"),
    kernel_type: z.literal("notebook"),
    is_private: z.boolean(),
    enable_gpu: z.boolean(),
    enable_internet: z.boolean(),
    machine_shape: z.literal("NvidiaTeslaT4").optional(),
    dataset_sources: z.array(DatasetIdSchema),
    competition_sources: z.array(z.string()),
    kernel_sources: z.array(IdSchema),
  })
  .superRefine(({ id, title, enable_gpu, machine_shape }, context) => {
    const slug = id.slice(id.indexOf("/") + 1);
    if (titleSlug(title) !== slug)
      context.addIssue({
        code: "custom",
        path: ["title"],
        message: `must give the slug of the id, "${slug}", and gives "${titleSlug(title)}"`,
      });
    if (!enable_gpu && machine_shape !== undefined)
      context.addIssue({ code: "custom", path: ["machine_shape"], message: "is for a notebook with a GPU" });
  });

/** A title as Kaggle makes a slug of it: what is neither letter nor digit becomes one "-". */
export function titleSlug(title: string): string {
  return title
    .normalize("NFKD")
    .toLowerCase()
    .replace(/\p{M}/gu, "")
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
}

/** A title that gives the slug back. */
export function titleOfSlug(slug: string): string {
  const words = slug.replace(/-+/g, " ").trim();
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`;
}

/** The first thing that is wrong with such a file's content: the field, its value and the rule; null where nothing is. */
export function kernelMetadataProblem(metadata: unknown): { field: string; value: unknown; rule: string } | null {
  const parsed = MetadataSchema.safeParse(metadata);
  if (parsed.success) return null;
  const { path, message } = parsed.error.issues[0] as z.core.$ZodIssue;
  const value = path.reduce((at: unknown, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], metadata);
  return { field: path.join("."), value, rule: message };
}
