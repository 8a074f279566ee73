import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { appendPooling, POOLING_ROOM } from "./graph.js";
import type { EncoderOptions } from "./types.js";

/** A model in memory, ready for a session. */
export interface ModelBytes {
  readonly bytes: Uint8Array;
  /** Name of the output to fetch. */
  readonly output: string;
  /** Data outside the file, under the names that the file uses. */
  readonly externalData: { readonly path: string; readonly data: Uint8Array }[];
}

/** A protobuf message is at most 2 GiB; larger models keep their tensors outside. */
const MAX_MODEL_BYTES = 2 ** 31 - 1;

/**
 * Reads a model and its external data, and appends the pooling. Only the files
 * that the options name are read: a location in the model that is not among them
 * is refused, so a model can't make onnxruntime open a path of its choice.
 *
 * @throws Error saying what is wrong with which file
 */
export function readModel(
  options: Pick<EncoderOptions, "onnxFile" | "externalData" | "pooling" | "normalize">,
): ModelBytes {
  const { onnxFile, externalData, pooling, normalize } = options;
  for (const { name } of externalData) checkName(name);
  const { bytes, size } = readWhole(onnxFile, POOLING_ROOM, MAX_MODEL_BYTES);
  const graph = appendPooling(bytes, size, pooling, normalize);
  checkExternalData(
    graph.externalLocations,
    externalData.map(({ name }) => name),
  );
  const used = externalData.filter(({ name }) => graph.externalLocations.includes(name));
  return {
    bytes: bytes.subarray(0, graph.size),
    output: graph.output,
    externalData: used.map(({ name, path }) => ({
      path: name,
      data: readWhole(path, 0, Number.MAX_SAFE_INTEGER).bytes,
    })),
  };
}

/**
 * Holds the places where a graph keeps tensors against the files that the model has.
 *
 * @throws RangeError for a place outside the model's folder, and for one that is not among its files
 */
export function checkExternalData(locations: readonly string[], names: readonly string[]): void {
  for (const location of locations) {
    checkName(location);
    if (!names.includes(location))
      throw new RangeError(`it keeps tensors in ${JSON.stringify(location)}, which is not among the model's files`);
  }
}

/** External data has a plain relative name. `*` begins onnxruntime's own marker for data at a memory address. */
function checkName(name: string): void {
  const parts = name.split("/");
  const odd = parts.some((part) => part === "" || part === "." || part === ".." || /[\\:*\u0000-\u001f]/.test(part));
  if (odd)
    throw new RangeError(
      `it keeps tensors in ${JSON.stringify(name)}; only a file below the model's folder is read, named without "..", "\\", ":" or "*"`,
    );
}

/** A whole file, with room behind it. In pieces: one read takes at most 2 GiB. */
function readWhole(path: string, room: number, most: number): { bytes: Uint8Array; size: number } {
  const fd = openSync(path, "r");
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new RangeError(`${JSON.stringify(path)} is no file`);
    if (stat.size > most)
      throw new RangeError(`${JSON.stringify(path)} has ${stat.size} bytes; an ONNX file has at most ${most}`);
    const bytes = new Uint8Array(stat.size + room);
    let at = 0;
    while (at < stat.size) {
      const read = readSync(fd, bytes, at, Math.min(stat.size - at, 2 ** 28), null);
      if (read === 0) throw new RangeError(`${JSON.stringify(path)} ended after ${at} of ${stat.size} bytes`);
      at += read;
    }
    return { bytes, size: stat.size };
  } finally {
    closeSync(fd);
  }
}
