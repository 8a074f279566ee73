/**
 * Name of a model's file in a packed folder, which has no folders in it: an upload
 * keeps neither folders nor links. `Xenova/all-MiniLM-L6-v2` and `onnx/model.onnx`
 * give `Xenova--all-MiniLM-L6-v2--onnx--model.onnx`.
 */
export function flatName(hubId: string, path: string): string {
  return `${hubId}/${path}`.replaceAll("/", "--");
}

/** Whether {@link flatName} can have given a name: plain characters, at most the 255 that file systems take. */
export function isFlatName(name: string): boolean {
  return name.includes("--") && /^[A-Za-z0-9_](?:[A-Za-z0-9_-]|\.(?!\.)){0,254}$/.test(name);
}
