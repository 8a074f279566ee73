import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { type Bytes, type Field, fields, textOf } from "./protobuf.js";

// Field numbers of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
const MODEL = { graph: 7, opsetImport: 8, trainingInfo: 20, functions: 25 };
const GRAPH = { node: 1, initializer: 5, output: 12, sparseInitializer: 15 };
const NODE = { attribute: 5 };
const ATTRIBUTE = { tensor: 5, graph: 6, tensors: 10, graphs: 11, sparseTensor: 22, sparseTensors: 23 };
const FUNCTION = { node: 7, attributeDefault: 11 };
const TRAINING = { initialization: 1, algorithm: 2 };
const SPARSE = { values: 1, indices: 2 };
const TENSOR = { externalData: 13 };

/** One output of the graph. */
export interface GraphOutput {
  readonly name: string;
  /** TensorProto.DataType, such as 1 for float32 and 10 for float16; 0 where the file is silent. */
  readonly elementType: number;
  /** Number of dimensions, or null where the file is silent. */
  readonly rank: number | null;
}

/** What pooling and loading have to know of an ONNX file. */
export interface OnnxFile {
  /** Version of the default operator set. */
  readonly opset: number;
  readonly outputs: readonly GraphOutput[];
  /** Every place that the file names as holding tensor data outside it, in subgraphs and functions too. */
  readonly externalLocations: readonly string[];
}

/**
 * Reads an ONNX file's outputs, operator set and external data locations, without
 * touching its tensors.
 *
 * @throws RangeError for bytes that are no ONNX file, or one that is cut off
 */
export function inspectOnnx(bytes: Bytes): OnnxFile {
  let opset = 0;
  let graphs = 0;
  const outputs: GraphOutput[] = [];
  const locations = new Set<string>();
  for (const part of fields(bytes)) {
    if (part.wire !== 2) continue;
    if (part.number === MODEL.opsetImport) {
      const { domain, version } = opsetOf(bytes, part);
      if (domain === "" || domain === "ai.onnx") opset = version;
    } else if (part.number === MODEL.graph) {
      graphs++;
      scanGraph(bytes, part, locations, 0);
      for (const f of fields(bytes, part.start, part.end)) {
        if (f.number === GRAPH.output && f.wire === 2) outputs.push(outputOf(bytes, f));
      }
    } else if (part.number === MODEL.functions) {
      scanNodes(bytes, part, FUNCTION.node, locations, 0);
      for (const f of children(bytes, part, MODEL.functions, FUNCTION.attributeDefault))
        scanAttribute(bytes, f, locations, 0);
    } else if (part.number === MODEL.trainingInfo) {
      for (const f of fields(bytes, part.start, part.end)) {
        const isGraph = f.number === TRAINING.initialization || f.number === TRAINING.algorithm;
        if (isGraph && f.wire === 2) scanGraph(bytes, f, locations, 0);
      }
    }
  }
  if (graphs === 0 || opset === 0 || outputs.length === 0)
    throw new RangeError("there is no graph with outputs and an operator set in it");
  return { opset, outputs, externalLocations: [...locations] };
}

/**
 * What {@link inspectOnnx} says of a file, read piece by piece: a model of
 * gigabytes is mostly tensors, which are stepped over.
 *
 * @throws RangeError as there, and errors of the system
 */
export function inspectOnnxFile(path: string): OnnxFile {
  const fd = openSync(path, "r");
  try {
    return inspectOnnx(bytesOfFile(fd, fstatSync(fd).size));
  } finally {
    closeSync(fd);
  }
}

const WINDOW = 1 << 16;

function bytesOfFile(fd: number, length: number): Bytes {
  let window: Uint8Array = new Uint8Array();
  let from = 0;
  const read = (start: number, end: number): Uint8Array => {
    const bytes = new Uint8Array(end - start);
    for (let at = 0; at < bytes.length; ) {
      const got = readSync(fd, bytes, at, bytes.length - at, start + at);
      if (got === 0) throw new RangeError(`it ended at byte ${start + at} of ${length}`);
      at += got;
    }
    return bytes;
  };
  return {
    length,
    at(index) {
      if (index >= length) return undefined;
      if (index < from || index >= from + window.length) {
        window = read(index, Math.min(length, index + WINDOW));
        from = index;
      }
      return window[index - from];
    },
    subarray: (start, end) => read(start, end),
  };
}

function opsetOf(bytes: Bytes, part: Field): { domain: string; version: number } {
  let domain = "";
  let version = 0;
  for (const f of fields(bytes, part.start, part.end)) {
    if (f.number === 1 && f.wire === 2) domain = textOf(bytes, f);
    if (f.number === 2 && f.wire === 0) version = f.value;
  }
  return { domain, version };
}

/** ValueInfoProto { name 1, type 2 { tensor_type 1 { elem_type 1, shape 2 { dim 1 } } } }. */
function outputOf(bytes: Bytes, output: Field): GraphOutput {
  let name = "";
  let elementType = 0;
  let rank: number | null = null;
  for (const f of fields(bytes, output.start, output.end)) {
    if (f.number === 1 && f.wire === 2) name = textOf(bytes, f);
    for (const tensor of children(bytes, f, 2, 1)) {
      for (const t of fields(bytes, tensor.start, tensor.end)) {
        if (t.number === 1 && t.wire === 0) elementType = t.value;
        if (t.number === 2 && t.wire === 2) rank = [...children(bytes, t, 2, 1)].length;
      }
    }
  }
  return { name, elementType, rank };
}

function* children(bytes: Bytes, parent: Field, number: number, child: number): Generator<Field> {
  if (parent.number !== number || parent.wire !== 2) return;
  for (const f of fields(bytes, parent.start, parent.end)) if (f.number === child && f.wire === 2) yield f;
}

function scanGraph(bytes: Bytes, graph: Field, locations: Set<string>, depth: number): void {
  if (depth > 32) throw new RangeError("its graphs are nested more than 32 deep");
  for (const f of fields(bytes, graph.start, graph.end)) {
    if (f.wire !== 2) continue;
    if (f.number === GRAPH.initializer) scanTensor(bytes, f, locations);
    else if (f.number === GRAPH.sparseInitializer) scanSparse(bytes, f, locations);
  }
  scanNodes(bytes, graph, GRAPH.node, locations, depth);
}

function scanNodes(bytes: Bytes, owner: Field, nodeField: number, locations: Set<string>, depth: number): void {
  for (const node of fields(bytes, owner.start, owner.end)) {
    for (const f of children(bytes, node, nodeField, NODE.attribute)) scanAttribute(bytes, f, locations, depth);
  }
}

function scanAttribute(bytes: Bytes, attribute: Field, locations: Set<string>, depth: number): void {
  for (const f of fields(bytes, attribute.start, attribute.end)) {
    if (f.wire !== 2) continue;
    if (f.number === ATTRIBUTE.tensor || f.number === ATTRIBUTE.tensors) scanTensor(bytes, f, locations);
    else if (f.number === ATTRIBUTE.sparseTensor || f.number === ATTRIBUTE.sparseTensors)
      scanSparse(bytes, f, locations);
    else if (f.number === ATTRIBUTE.graph || f.number === ATTRIBUTE.graphs) scanGraph(bytes, f, locations, depth + 1);
  }
}

function scanSparse(bytes: Bytes, sparse: Field, locations: Set<string>): void {
  for (const f of fields(bytes, sparse.start, sparse.end)) {
    if (f.wire === 2 && (f.number === SPARSE.values || f.number === SPARSE.indices)) scanTensor(bytes, f, locations);
  }
}

/** Notes the `location` of a tensor's external data, whatever its other fields say of where the data is. */
function scanTensor(bytes: Bytes, tensor: Field, locations: Set<string>): void {
  for (const entry of fields(bytes, tensor.start, tensor.end)) {
    if (entry.number !== TENSOR.externalData || entry.wire !== 2) continue;
    let key = "";
    let value = "";
    for (const f of fields(bytes, entry.start, entry.end)) {
      if (f.number === 1 && f.wire === 2) key = textOf(bytes, f);
      if (f.number === 2 && f.wire === 2) value = textOf(bytes, f);
    }
    if (key === "location") locations.add(value);
  }
}
