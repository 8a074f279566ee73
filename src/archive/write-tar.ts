import { once } from "node:events";
import { createGzip } from "node:zlib";
import { type Pack, pack } from "tar-stream";

/** A file on its way into a tar. */
export interface TarSource {
  /** Relative, with `/`. */
  readonly name: string;
  /** `content` gives exactly as many. */
  readonly bytes: number;
  /** Whether it is run by its name. */
  readonly run: boolean;
  /** Called when all before it have been read to their end. */
  content(): AsyncIterable<Uint8Array>;
}

/** The time that npm gives to all it packs: none of ours, so that equal files make equal archives. */
const MTIME = new Date("1985-10-26T08:15:00Z");

/**
 * The bytes of a gzipped tar file, made while they are asked for: a block of one file is
 * in memory at a time, and compressing does not run on this thread. The same files in
 * the same order give the same bytes.
 *
 * @throws what a source throws
 */
export async function* tarGzipOf(sources: readonly TarSource[]): AsyncGenerator<Uint8Array> {
  const packer = pack();
  const gzip = createGzip();
  const fail = (error: Error) => gzip.destroy(error);
  packer.on("error", fail);
  packer.pipe(gzip);
  fill(packer, sources).catch(fail);
  try {
    yield* gzip as AsyncIterable<Uint8Array>;
  } finally {
    gzip.destroy();
  }
}

async function fill(packer: Pack, sources: readonly TarSource[]): Promise<void> {
  for (const { name, bytes, run, content } of sources) {
    const header = { name, size: bytes, mode: run ? 0o755 : 0o644, mtime: MTIME, uid: 0, gid: 0 };
    await new Promise<void>((resolve, reject) => {
      const sink = packer.entry(header, (error) => (error ? reject(error) : resolve()));
      const copy = async () => {
        for await (const block of content()) if (!sink.write(block)) await once(sink, "drain");
        sink.end();
      };
      copy().catch(reject);
    });
  }
  packer.finalize();
}
