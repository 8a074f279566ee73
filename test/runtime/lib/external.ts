import { node } from "../../../dist/runtime/onnx-nodes.js";
import { field, intField } from "../../../dist/runtime/protobuf.js";

/** A graph whose one table, `[10, dim]`, stands outside of its file, under a name. */
export function externalOnnx(location: string, dim: number): Buffer {
  const entry = (key: string, value: string) => field(13, [field(1, key), field(2, value)]);
  const tensor = [
    intField(1, 10),
    intField(1, dim),
    intField(2, 1),
    field(8, "table"),
    entry("location", location),
    intField(14, 1),
  ];
  const gather = node("Gather", ["table", "input_ids"], ["last_hidden_state"]);
  const value = (name: string, type: number, dims: number) => [
    field(1, name),
    field(2, [
      field(1, [
        intField(1, type),
        field(
          2,
          Array.from({ length: dims }, (_, i) => field(1, [field(2, `d${i}`)])),
        ),
      ]),
    ]),
  ];
  const graph = [
    gather,
    field(2, "graph"),
    field(5, tensor),
    field(11, value("input_ids", 7, 2)),
    field(11, value("attention_mask", 7, 2)),
    field(12, value("last_hidden_state", 1, 3)),
  ];
  return Buffer.concat([intField(1, 8), field(8, [field(1, ""), intField(2, 17)]), field(7, graph)]);
}
