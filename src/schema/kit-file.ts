import { z } from "zod";
import { parseLabelled } from "./labelled-json.js";

/** The first key of every list of a kit. */
export const KIT_SCHEMA = "rag-cells/kit@1";
/** Name of the file that says what a kit's archives hold. */
export const KIT_FILE = "rag-cells-kit.json";

/** A file in one of a kit's archives. */
export interface KitFile {
  readonly bytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
  /** True for what is run by its name: an upload loses the bit that says so. */
  readonly run: boolean;
}

/** One archive of a kit: a gzipped tar under a name that no upload takes for an archive. */
export interface KitArchive {
  readonly bytes: number;
  readonly sha256: string;
  /** By path in the unpacked folder, with `/`. */
  readonly files: Readonly<Record<string, KitFile>>;
}

/** What a kit holds, and what has to be made of it: an upload keeps neither folders nor links nor run bits. */
export interface Kit {
  /** Comes from all that is unpacked: the same id, the same bytes. */
  readonly id: string;
  /** Of rag-cells. */
  readonly version: string;
  /** Such as `linux-x64`. */
  readonly platform: string;
  /** Version of the Node in it. */
  readonly node: string;
  /** Whether the CUDA provider of the inference runtime is in it. */
  readonly cuda: boolean;
  /** Registry keys of the models that stand beside the archives. */
  readonly models: readonly string[];
  readonly archives: Readonly<Record<string, KitArchive>>;
  /** Links by path in the unpacked folder, each with its target from there. */
  readonly links: Readonly<Record<string, string>>;
}

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/, "must be 64 lower-case hex digits");
const InnerPath = z
  .string()
  .regex(
    /^(?!\/)(?!.*(?:^|\/)\.{1,2}(?:\/|$))[\x20-\x5b\x5d-\x7e]{1,400}$/,
    "must be a relative path of printable characters, without ..",
  );
/** A target leads up by whole steps, then down; whoever makes the link checks that it stays inside. */
const Target = z.string().regex(/^(?:\.\.\/)*(?:\.\.|[\x21-\x5b\x5d-\x7e]{1,400})$/, "must be a relative path");

const KitSchema = z.strictObject({
  schema: z.literal(KIT_SCHEMA),
  id: z.string().regex(/^[0-9a-f]{16}$/),
  version: z.string().regex(/^[0-9A-Za-z.+-]{1,60}$/),
  platform: z.string().regex(/^[a-z0-9-]{1,40}$/),
  node: z.string().regex(/^\d+\.\d+\.\d+$/),
  cuda: z.boolean(),
  models: z.array(z.string().max(200)),
  archives: z.record(
    z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,100}$/),
    z.strictObject({
      bytes: z.int().min(0),
      sha256: Sha256,
      files: z.record(InnerPath, z.strictObject({ bytes: z.int().min(0), sha256: Sha256, run: z.boolean() })),
    }),
  ),
  links: z.record(InnerPath, Target),
});

/** The parsed list, or what is wrong with it. */
export type KitResult = { readonly ok: true; readonly kit: Kit } | { readonly ok: false; readonly problem: string };

/** Checks the text of a kit's list. */
export function parseKit(text: string): KitResult {
  const parsed = parseLabelled(text, KIT_SCHEMA, KitSchema);
  if (!parsed.ok) return parsed;
  const { schema: _, ...kit } = parsed.value;
  return { ok: true, kit };
}

/** The text of a kit's list: keys in order, so that equal kits are equal byte for byte. */
export function formatKit(kit: Kit): string {
  const sorted = <T>(record: Readonly<Record<string, T>>) =>
    Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
  const { id, version, platform, node, cuda, models, links } = kit;
  const archives = Object.entries(kit.archives).map(([name, { bytes, sha256, files }]) => {
    const list = Object.entries(sorted(files)).map(([path, file]) => [
      path,
      { bytes: file.bytes, sha256: file.sha256, run: file.run },
    ]);
    return [name, { bytes, sha256, files: Object.fromEntries(list) }] as const;
  });
  const ordered = {
    schema: KIT_SCHEMA,
    id,
    version,
    platform,
    node,
    cuda,
    models,
    archives: sorted(Object.fromEntries(archives)),
    links: sorted(links),
  };
  return `${JSON.stringify(ordered, null, 1)}\n`;
}
