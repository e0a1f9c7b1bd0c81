"""Writes a normalized float graph of edgeq as an ONNX model, so that ONNX Runtime can quantize the same net.

Only the ops of the nets in `accuracy.py`. Images are NHWC outside and NCHW inside, as ONNX has them.
"""

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edgeq.ir import Graph, Node
from edgeq.ops.activation import Activation

_OPSET = 17
_TO_NCHW, _TO_NHWC = (0, 3, 1, 2), (0, 2, 3, 1)


def to_onnx(graph: Graph) -> bytes:
    """The file's content; KeyError for an op that no benchmark needs."""
    return _Writer(graph).model().SerializeToString()


class _Writer:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._nodes: list[Any] = []
        self._weights: list[Any] = []
        self._names: dict[str, str] = {}

    def model(self) -> Any:
        graph = self._graph
        for name in graph.inputs:
            self._define(name, name)
        for node in graph.nodes:
            getattr(self, f"_{node.op}")(node)
        for name in graph.outputs:
            self._emit("Identity", [self._outside(name)], f"{name}.out")
        inputs = [helper.make_tensor_value_info(n, 1, list(graph.types[n].shape)) for n in graph.inputs]
        outputs = [helper.make_tensor_value_info(f"{n}.out", 1, list(graph.types[n].shape)) for n in graph.outputs]
        made = helper.make_graph(self._nodes, "net", inputs, outputs, self._weights)
        return helper.make_model(made, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=8)

    def _conv2d(self, node: Node) -> None:
        self._conv(node, self._graph.constants[node.inputs[1]].transpose(0, 3, 1, 2), node.attrs.groups)

    def _depthwise_conv2d(self, node: Node) -> None:
        self._conv(node, self._graph.constants[node.inputs[1]].transpose(3, 0, 1, 2), self._shape(node.inputs[0])[3])

    def _conv(self, node: Node, weights: Any, groups: int) -> None:
        attrs = node.attrs
        inputs = [self._names[node.inputs[0]], self._constant(node.inputs[1], weights), *self._bias(node)]
        geometry = {"strides": attrs.stride, "dilations": attrs.dilation, "pads": _pads(attrs.padding)}
        self._activated(node, "Conv", inputs, group=groups, **geometry)

    def _dense(self, node: Node) -> None:
        weights = self._constant(node.inputs[1], self._graph.constants[node.inputs[1]])
        self._activated(node, "Gemm", [self._outside(node.inputs[0]), weights, *self._bias(node)], transB=1)

    def _bias(self, node: Node) -> list[str]:
        return [self._constant(v, self._graph.constants[v].reshape(-1)) for v in node.inputs[2:] if v]

    def _add(self, node: Node) -> None:
        self._activated(node, "Add", [self._names[v] for v in node.inputs])

    def _avg_pool2d(self, node: Node) -> None:
        self._pool(node, "AveragePool")

    def _max_pool2d(self, node: Node) -> None:
        self._pool(node, "MaxPool")

    def _pool(self, node: Node, op: str) -> None:
        attrs = node.attrs
        geometry = {"kernel_shape": attrs.kernel, "strides": attrs.stride, "pads": _pads(attrs.padding)}
        self._activated(node, op, [self._names[node.inputs[0]]], **geometry)

    def _mean(self, node: Node) -> None:
        """Over the axes of the image, which NCHW has last."""
        assert node.attrs.axes == (1, 2)
        name = self._emit(
            "ReduceMean",
            [self._names[node.inputs[0]]],
            node.outputs[0],
            axes=(2, 3),
            keepdims=int(node.attrs.keep_dims),
        )
        self._names[node.outputs[0]] = name

    def _reshape(self, node: Node) -> None:
        shape = self._constant(f"{node.outputs[0]}.shape", np.array(node.attrs.shape, np.int64))
        name = self._emit("Reshape", [self._outside(node.inputs[0]), shape], f"{node.outputs[0]}.reshaped")
        self._define(node.outputs[0], name)

    def _relu(self, node: Node) -> None:
        self._names[node.outputs[0]] = self._emit("Relu", [self._names[node.inputs[0]]], node.outputs[0])

    def _activated(self, node: Node, op: str, inputs: list[str], **attributes: Any) -> None:
        """A node, and its fused activation as a node of its own."""
        output = node.outputs[0]
        activation = node.attrs.activation
        name = self._emit(op, inputs, output if activation is Activation.NONE else f"{output}.sums", **attributes)
        if activation is not Activation.NONE:
            assert activation is Activation.RELU
            name = self._emit("Relu", [name], output)
        self._names[output] = name

    def _define(self, value: str, outside: str) -> None:
        """Note a value that is there with channels last."""
        if len(self._shape(value)) == 4:
            outside = self._emit("Transpose", [outside], f"{value}.nchw", perm=_TO_NCHW)
        self._names[value] = outside

    def _outside(self, value: str) -> str:
        """A value with channels last."""
        if len(self._shape(value)) != 4:
            return self._names[value]
        return self._emit("Transpose", [self._names[value]], f"{value}.nhwc", perm=_TO_NHWC)

    def _shape(self, value: str) -> tuple[int, ...]:
        return self._graph.types[value].shape

    def _constant(self, name: str, array: Any) -> str:
        self._weights.append(numpy_helper.from_array(np.ascontiguousarray(array), f"const.{name}"))
        return f"const.{name}"

    def _emit(self, op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self._nodes.append(helper.make_node(op, inputs, [output], name=f"{op}.{output}", **attributes))
        return output


def _pads(padding: tuple[int, int, int, int]) -> list[int]:
    top, bottom, left, right = padding
    return [top, left, bottom, right]


def ready_for_ort(model: Any, opset: int = 13) -> bytes:
    """A model's bytes, so that ONNX Runtime 1.31 quantizes it per channel.

    That takes opset 13; and a bias that is added behind a product of matrices has to have one dimension.
    """
    if max(o.version for o in model.opset_import if o.domain in ("", "ai.onnx")) < opset:
        model = onnx.version_converter.convert_version(model, opset)
    added = {name for node in model.graph.node if node.op_type == "Add" for name in node.input}
    for weights in model.graph.initializer:
        if weights.name in added and len(weights.dims) == 2 and weights.dims[0] == 1:
            del weights.dims[0]
            for declared in (i for i in model.graph.input if i.name == weights.name):
                del declared.type.tensor_type.shape.dim[0]
    return bytes(model.SerializeToString())
