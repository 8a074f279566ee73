import { readFile, stat } from "node:fs/promises";
import { extname } from "node:path";
import { badQueryFile } from "../core/errors.js";
import { parseQueryFile, type Question } from "../schema/questions.js";

/** Largest file of queries, in bytes: a hundred thousand questions take less. */
const LARGEST_FILE = 16 * 2 ** 20;

/**
 * The texts of a file of queries, in order, each with the place it stands at.
 *
 * @throws RagError `bad_query_file`
 */
export async function readQueryFile(path: string): Promise<[text: string, place: string][]> {
  const extension = extname(path).toLowerCase();
  if (extension !== ".txt" && extension !== ".json") throw badQueryFile(path, "its name must end in .txt or .json");
  const text = await readText(path);
  const texts: [string, string][] = extension === ".json" ? fromJson(path, text) : fromLines(text);
  if (texts.length === 0) throw badQueryFile(path, "it holds no query");
  return texts;
}

/**
 * The questions of a file of questions, with the sections judged for each.
 *
 * @throws RagError `bad_query_file`, also when it is a plain list of texts
 */
export async function readQuestions(path: string): Promise<readonly Question[]> {
  const parsed = parseQueryFile(await readText(path));
  if (!parsed.ok) throw badQueryFile(path, parsed.problem);
  if (parsed.kind === "texts") throw badQueryFile(path, "it is a list of texts without judgements");
  return parsed.questions;
}

function fromLines(text: string): [string, string][] {
  return text
    .split(/\r\n|\r|\n/)
    .map((line, i): [string, string] => [line, `line ${i + 1}`])
    .filter(([line]) => line.trim() !== "");
}

function fromJson(path: string, text: string): [string, string][] {
  const parsed = parseQueryFile(text);
  if (!parsed.ok) throw badQueryFile(path, parsed.problem);
  if (parsed.kind === "texts") return parsed.texts.map((item, i) => [item, `item ${i + 1}`]);
  return parsed.questions.map((question) => [question.text, `question ${question.id}`]);
}

async function readText(path: string): Promise<string> {
  const bytes = await readBytes(path);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw badQueryFile(path, "it is not UTF-8: save it with that encoding");
  }
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    const info = await stat(path);
    if (!info.isFile()) throw new Error("it is no file");
    if (info.size > LARGEST_FILE) throw new Error(`it has ${info.size} bytes, at most ${LARGEST_FILE} are read`);
    return await readFile(path);
  } catch (error) {
    throw badQueryFile(path, (error as Error).message, error);
  }
}
