/** Jupyter's wire protocol 5.3: four JSON parts behind a delimiter and an HMAC-SHA256 signature. */
import { createHmac, randomUUID, timingSafeEqual } from "node:crypto";
import { badKernelMessage } from "../core/errors.js";

const DELIMITER = "<IDS|MSG>";

/** A message as a client needs it. */
export interface Message {
  readonly type: string;
  readonly id: string;
  /** Id of the request this message belongs to. */
  readonly parentId: string | null;
  readonly content: Readonly<Record<string, unknown>>;
}

/** Frames of a request, signed; `session` tells one client from another. */
export function encodeRequest(
  key: string,
  session: string,
  type: string,
  content: object,
): { id: string; frames: string[] } {
  const id = randomUUID();
  const header = {
    msg_id: id,
    msg_type: type,
    session,
    username: "rag-cells",
    date: new Date().toISOString(),
    version: "5.3",
  };
  const parts = [header, {}, {}, content].map((part) => JSON.stringify(part));
  return { id, frames: [DELIMITER, sign(key, parts), ...parts] };
}

/** Reads a reply or a broadcast. Throws on a wrong signature or shape. */
export function decodeMessage(key: string, frames: readonly Buffer[]): Message {
  const at = frames.findIndex((frame) => frame.toString() === DELIMITER);
  const [signature, ...parts] = frames.slice(at + 1);
  if (at < 0 || signature === undefined || parts.length < 4)
    throw badKernelMessage("is not framed as Jupyter's messages are");
  const expected = Buffer.from(sign(key, parts));
  if (signature.length !== expected.length || !timingSafeEqual(signature, expected)) {
    throw badKernelMessage("has a wrong signature");
  }
  const [header, parent, , content] = parts
    .slice(0, 4)
    .map((part) => JSON.parse(part.toString()) as Record<string, unknown>);
  return {
    type: String(header?.msg_type),
    id: String(header?.msg_id),
    parentId: typeof parent?.msg_id === "string" ? parent.msg_id : null,
    content: content ?? {},
  };
}

function sign(key: string, parts: readonly (string | Buffer)[]): string {
  const hmac = createHmac("sha256", key);
  for (const part of parts) hmac.update(part);
  return hmac.digest("hex");
}
