import { z } from "zod";

/** The first key of a file of questions. */
export const QUESTIONS_SCHEMA = "rag-cells/questions";

/** A section that serves a question: 2 answers it, 1 helps, 0 was judged and does not. */
export interface RelevantSection {
  /** Path from the corpus root, with `/`. */
  readonly document: string;
  /** The innermost heading, as written. */
  readonly heading: string;
  readonly grade: number;
}

/** A question and the sections that were judged for it. */
export interface Question {
  readonly id: string;
  readonly text: string;
  readonly relevant: readonly RelevantSection[];
}

const QuestionFile = z.object({
  schema: z.literal(QUESTIONS_SCHEMA),
  version: z.literal(1),
  questions: z.array(
    z.object({
      id: z.string().min(1),
      text: z.string(),
      relevant: z
        .array(z.object({ document: z.string().min(1), heading: z.string(), grade: z.int().min(0) }))
        .default([]),
    }),
  ),
});

/** What a JSON file of queries can hold, or what is wrong with it. */
export type QueryFileResult =
  | { readonly ok: true; readonly kind: "texts"; readonly texts: readonly string[] }
  | { readonly ok: true; readonly kind: "questions"; readonly questions: readonly Question[] }
  | { readonly ok: false; readonly problem: string };

/** Reads the text of a JSON file of queries: an array of strings, or a file of questions. */
export function parseQueryFile(text: string): QueryFileResult {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return { ok: false, problem: `it is no JSON (${(error as Error).message})` };
  }
  if (Array.isArray(json)) {
    const wrong = json.findIndex((item) => typeof item !== "string");
    if (wrong >= 0) return { ok: false, problem: `item ${wrong + 1} of its array is no string` };
    return { ok: true, kind: "texts", texts: json };
  }
  const parsed = QuestionFile.safeParse(json);
  if (parsed.success) return { ok: true, kind: "questions", questions: parsed.data.questions };
  const [issue] = parsed.error.issues;
  const rule = `it must be an array of strings, or an object with schema "${QUESTIONS_SCHEMA}", version 1 and questions`;
  return { ok: false, problem: `${rule}; at ${issue?.path.join(".") || "its top"}: ${issue?.message}` };
}
