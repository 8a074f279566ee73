/** A cell's outputs, shaped as nbformat 4 has them, built from the kernel's messages. */
import type { Message } from "./wire.js";

/** Output by MIME type: text as one string, images in base64, JSON as it is. */
export type MimeBundle = Record<string, unknown>;

export interface StreamOutput {
  readonly output_type: "stream";
  readonly name: "stdout" | "stderr";
  text: string;
}

export interface DisplayOutput {
  readonly output_type: "display_data";
  data: MimeBundle;
  metadata: Record<string, unknown>;
}

export interface ResultOutput {
  readonly output_type: "execute_result";
  readonly execution_count: number | null;
  data: MimeBundle;
  metadata: Record<string, unknown>;
}

export interface ErrorOutput {
  readonly output_type: "error";
  readonly ename: string;
  readonly evalue: string;
  readonly traceback: readonly string[];
}

export type Output = StreamOutput | DisplayOutput | ResultOutput | ErrorOutput;

/** Outputs that a later `update_display_data` changes, by display id, over all cells of a kernel. */
export type Displays = Map<string, (DisplayOutput | ResultOutput)[]>;

/**
 * Adds what a message brings to a cell's outputs: neighbouring pieces of one
 * stream become one, an update changes every output of its display id in place.
 * @returns the news alone (for a stream the new piece), or null where the message carries no output.
 */
export function addOutput(outputs: Output[], displays: Displays, message: Message): Output | null {
  const content = message.content;
  switch (message.type) {
    case "stream":
      return addStream(outputs, content.name === "stderr" ? "stderr" : "stdout", String(content.text));
    case "display_data": {
      const output: DisplayOutput = { output_type: "display_data", ...bundle(content) };
      return keep(outputs, displays, output, content);
    }
    case "execute_result": {
      const count = content.execution_count;
      const output: ResultOutput = {
        output_type: "execute_result",
        execution_count: typeof count === "number" ? count : null,
        ...bundle(content),
      };
      return keep(outputs, displays, output, content);
    }
    case "update_display_data": {
      const news = bundle(content);
      for (const shown of displays.get(displayId(content) ?? "") ?? []) Object.assign(shown, news);
      return { output_type: "display_data", ...news };
    }
    case "error": {
      const output: ErrorOutput = {
        output_type: "error",
        ename: String(content.ename),
        evalue: String(content.evalue),
        traceback: Array.isArray(content.traceback) ? content.traceback.map(String) : [],
      };
      outputs.push(output);
      return output;
    }
    default:
      return null;
  }
}

function addStream(outputs: Output[], name: "stdout" | "stderr", text: string): Output {
  const last = outputs.at(-1);
  if (last?.output_type === "stream" && last.name === name) last.text += text;
  else outputs.push({ output_type: "stream", name, text });
  return { output_type: "stream", name, text };
}

function keep<T extends DisplayOutput | ResultOutput>(
  outputs: Output[],
  displays: Displays,
  output: T,
  content: Message["content"],
): T {
  outputs.push(output);
  const id = displayId(content);
  if (id !== null) displays.set(id, [...(displays.get(id) ?? []), output]);
  return output;
}

function bundle(content: Message["content"]): { data: MimeBundle; metadata: Record<string, unknown> } {
  return { data: record(content.data), metadata: record(content.metadata) };
}

function displayId(content: Message["content"]): string | null {
  const id = record(content.transient).display_id;
  return typeof id === "string" ? id : null;
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}
