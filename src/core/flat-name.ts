/**
 * Name of a model's file in a packed folder, which has no folders in it: an upload
 * keeps neither folders nor links. `Xenova/all-MiniLM-L6-v2` and `onnx/model.onnx`
 * give `Xenova--all-MiniLM-L6-v2--onnx--model.onnx`.
 */
export function flatName(hubId: string, path: string): string {
  return `${hubId}/${path}`.replaceAll("/", "--");
}
