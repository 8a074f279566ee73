/** The manifest's name in every export, written last. */
export const MANIFEST_FILE = "processing_summary.json";

/** A name as part of a file name: anything but ASCII letters, digits and `_` becomes `_`, as the reference names its files. */
export function safeName(name: string): string {
  return name.replace(/[^A-Za-z0-9_]/g, "_") || "_";
}

/** A collection's name as the prefix of its files: `-` stays, `_` at the ends goes. */
export function filePrefix(collection: string): string {
  return (
    collection
      .replace(/[^A-Za-z0-9_-]/g, "_")
      .replace(/^[_-]+|_+$/g, "")
      .slice(0, 100) || "collection"
  );
}

/** A model key as the name of a vector in Qdrant, which keeps it as a folder name. */
export function vectorName(key: string): string {
  return key.replace(/[^A-Za-z0-9._-]/g, "_").replace(/^\.+/, "_") || "_";
}

/** The names in order, each used once: a repeated one gets `_2`, `_3`. Case decides nothing, since it does not on every disk. */
export function distinct(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let free = name;
    for (let n = 2; taken.has(free.toLowerCase()); n++) free = `${name}_${n}`;
    taken.add(free.toLowerCase());
    return free;
  });
}
