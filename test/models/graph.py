"""Writes the three models as ONNX graphs, and reads their weights back.

Weights are stored as float16 under their transformers names, each followed by a Cast, so the
arithmetic is float32 and a file is half as large. The graph is written out node by node: a BERT
of two layers is short, and an exporter would rename the weights that the golden script needs.
"""

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
LAYER_NORM_EPSILON = 1e-12
STORED = torch.float16


def rounded(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights as the file holds them, in float32 again."""
    return {name: value.to(STORED).to(torch.float32) for name, value in state.items()}


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Float32 weights by name. Constants of the graph itself are not among them."""
    graph = onnx.load(path).graph
    arrays = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    return {
        name: torch.from_numpy(array.astype(np.float32)) for name, array in arrays.items() if array.dtype == np.float16
    }


class GraphWriter:
    """Collects nodes; every method returns the name of the value it makes."""

    def __init__(self, state: dict[str, torch.Tensor]) -> None:
        self.state = state
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}
        self.casts: dict[str, str] = {}
        self.count = 0

    def op(self, kind: str, *inputs: str, **attributes) -> str:
        self.count += 1
        name = f"{kind}_{self.count}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def weight(self, name: str) -> str:
        if name not in self.casts:
            array = self.state[name].to(STORED).numpy()
            self.initializers[name] = numpy_helper.from_array(array, name)
            self.casts[name] = self.op("Cast", name, to=TensorProto.FLOAT)
        return self.casts[name]

    def constant(self, value, kind=np.float32) -> str:
        array = np.asarray(value, dtype=kind)
        name = f"constant_{array.dtype}_{'x'.join(map(str, array.shape))}_{array.tolist()}"
        self.initializers.setdefault(name, numpy_helper.from_array(array, name))
        return name

    def linear(self, value: str, name: str, bias: bool = True) -> str:
        """A torch Linear: its [out, in] weight stays as it is and is turned once, when the file is loaded."""
        turned = self.op("Transpose", self.weight(f"{name}.weight"), perm=[1, 0])
        product = self.op("MatMul", value, turned)
        return self.op("Add", product, self.weight(f"{name}.bias")) if bias else product

    def layer_norm(self, value: str, name: str) -> str:
        scale, shift = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.op("LayerNormalization", value, scale, shift, axis=-1, epsilon=LAYER_NORM_EPSILON)

    def gelu(self, value: str) -> str:
        """The exact gelu, x / 2 * (1 + erf(x / sqrt 2))."""
        curve = self.op("Erf", self.op("Div", value, self.constant(np.sqrt(2.0))))
        raised = self.op("Mul", value, self.op("Add", curve, self.constant(1.0)))
        return self.op("Mul", raised, self.constant(0.5))

    def save(self, path: Path, name: str, inputs: list[str], output: str, shape: list[str | int]) -> None:
        self.nodes[-1].output[0] = output
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info(item, TensorProto.INT64, ["batch", "sequence"]) for item in inputs],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)],
            list(self.initializers.values()),
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="rag-cells-sample")
        model.ir_version = 8
        onnx.checker.check_model(model, full_check=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(model.SerializeToString(deterministic=True))
