import { createHash } from "node:crypto";
import { crc32, deflateRawSync, gzipSync } from "node:zlib";
import { type Headers, pack } from "tar-stream";

/** An entry of an archive that a test makes; what is left out is as it should be. */
export interface Made {
  readonly name: string;
  readonly data?: string | Uint8Array;
  /** The size that the archive says. */
  readonly declares?: number;
  /** Of a tar entry. */
  readonly type?: Headers["type"];
  /** A Unix mode with the kind of file in it, of a zip entry. */
  readonly mode?: number;
  /** General purpose flags of a zip entry. */
  readonly flags?: number;
  /** Compression method of a zip entry; 8 is deflate, 0 is none. */
  readonly method?: number;
}

/** A zip file, byte by byte, so that it can say what is not so. */
export function zip(entries: readonly Made[]): Buffer {
  const parts: Buffer[] = [];
  const central: Buffer[] = [];
  let at = 0;
  for (const { name, data = "", declares, mode = 0, flags = 0, method = 8 } of entries) {
    const content = Buffer.from(data);
    const body = method === 8 ? deflateRawSync(content) : content;
    const path = Buffer.from(name);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(flags, 2);
    common.writeUInt16LE(method, 4);
    common.writeUInt32LE(crc32(content), 10);
    common.writeUInt32LE(body.length, 14);
    common.writeUInt32LE(declares ?? content.length, 18);
    common.writeUInt16LE(path.length, 22);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE((mode << 16) >>> 0, 6);
    rest.writeUInt32LE(at, 10);
    central.push(Buffer.from("PK\x01\x02\x14\x03", "latin1"), common, rest, path);
    const local = [Buffer.from("PK\x03\x04", "latin1"), common, path, body];
    parts.push(...local);
    at += local.reduce((sum, { length }) => sum + length, 0);
  }
  const size = central.reduce((sum, { length }) => sum + length, 0);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", "latin1");
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(size, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, ...central, end]);
}

/** A tar file. */
export async function tar(entries: readonly Made[]): Promise<Buffer> {
  const out = pack();
  for (const { name, data = "", type = "file" } of entries) {
    const linkname = type === "symlink" || type === "link" ? "/etc/passwd" : null;
    out.entry({ name, type, ...(linkname === null ? {} : { linkname }) }, Buffer.from(data));
  }
  out.finalize();
  const blocks: Buffer[] = [];
  for await (const block of out) blocks.push(block as Buffer);
  return Buffer.concat(blocks);
}

/** The same, gzipped. */
export async function tgz(entries: readonly Made[]): Promise<Buffer> {
  return gzipSync(await tar(entries));
}

/** A whole pack of a model of a few bytes; its files by path, and a lock file that names them. */
export function tinyPack(files: Readonly<Record<string, string>> = tinyFiles, locked = files): Made[] {
  const entries = Object.entries(locked).map(([path, text]) => [
    path,
    { bytes: Buffer.byteLength(text), sha256: createHash("sha256").update(text).digest("hex") },
  ]);
  const model = { revision: null, licence: "MIT", files: Object.fromEntries(entries) };
  const lock = { schema: "rag-cells/models-lock@1", models: { "acme/tiny-model": model } };
  return [
    ...Object.entries(files).map(([path, data]) => ({
      name: `acme--tiny-model--${path.replaceAll("/", "--")}`,
      data,
    })),
    { name: "models.lock.json", data: JSON.stringify(lock) },
  ];
}

/** What is in that model. */
export const tinyFiles = { "config.json": "{}", "onnx/model.onnx": "weights of the model" };
