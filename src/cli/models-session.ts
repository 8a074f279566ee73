import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { openSession, type Session, type SessionOptions } from "../index.js";
import { sessionsFolder } from "../session/folder.js";
import type { Io } from "./io.js";

/**
 * Opens a session for a command that asks for models and computes nothing: with the
 * settings that a notebook in `io.cwd` would have, and its lock file of models, but in a
 * folder for temporary files, which goes when the work is done.
 *
 * @param modelsFrom a folder to look for models in before all others
 */
export async function withModelsSession<T>(
  io: Io,
  modelsFrom: string | undefined,
  work: (session: Session) => Promise<T>,
  more: Partial<SessionOptions> = {},
): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), "rag-cells-"));
  try {
    const session = await openSession({
      name: "models",
      dir,
      modelLock: join(sessionsFolder(io.env), "models.lock.json"),
      // Near the end of the machine's session it would be packed into the folder that goes.
      endMarginMinutes: 0,
      ...(modelsFrom === undefined ? {} : { modelDirs: [resolve(io.cwd, modelsFrom)] }),
      ...more,
    });
    try {
      return await work(session);
    } finally {
      session.close();
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** The keys in a comma-separated list; null for the word `none`. */
export function modelList(text: string): string[] | null {
  if (text.trim() === "none") return null;
  return text
    .split(",")
    .map((key) => key.trim())
    .filter((key) => key !== "");
}
