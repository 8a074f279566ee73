import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";

/** Lower-case hex sha256 of a file, read a quarter of a megabyte at a time. */
export async function sha256OfFile(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 18 }) as AsyncIterable<Buffer>) {
    signal?.throwIfAborted();
    hash.update(chunk);
  }
  return hash.digest("hex");
}
