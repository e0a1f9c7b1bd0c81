"""Converts nodes in order: constants are computed, all else goes to the converter of its operator."""

from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any

import onnx
from onnx import helper

from edgeq.errors import Refusal, UnsupportedModelError
from edgeq.importers.onnx import constants
from edgeq.importers.onnx.builder import Builder, OpContext, source_of
from edgeq.importers.onnx.signature import require_signature
from edgeq.ir.graph import Array

_ON_INTEGERS = frozenset(
    {
        *("Cast", "Concat", "DepthToSpace", "Dropout", "Expand", "Flatten", "Gather", "Identity", "MaxPool", "Pad"),
        *("ReduceMax", "ReduceMin", "Reshape", "Resize", "Shape", "Size", "Slice", "SpaceToDepth", "Split", "Squeeze"),
        *("ArgMax", "ArgMin", "Tile", "Transpose", "Unsqueeze", "Upsample"),
        *("CastLike", "ConvInteger", "DequantizeLinear", "If", "MatMulInteger", "QLinearConv", "QLinearMatMul"),
    }
)
"""Operators whose meaning on integers is that on the reals these stand for, or that say what they stand for."""


def convert_nodes(builder: Builder, nodes: Iterable[onnx.NodeProto]) -> None:
    """Convert nodes in order, or raise with all that are refused; what depends on a refused one is passed over."""
    refused: list[tuple[str, str]] = []
    for index, node in enumerate(nodes):
        if builder.unknown.intersection(node.input) and key_of(node) in builder.converters:
            builder.unknown.update(node.output)
            continue
        try:
            op = OpContext(builder, node, source_of(node, index))
            require_signature(op)
            convert_node(op)
        except UnsupportedModelError as error:  # of a subgraph, whose nodes it names
            refused += error.refused
            builder.unknown.update(node.output)
        except Refusal as error:
            refused.append((source_of(node, index), str(error)))
            builder.unknown.update(name for name in node.output if not builder.is_defined(name))
    if refused:
        raise UnsupportedModelError(builder.file.where, refused)


def convert_node(op: OpContext) -> None:
    """Convert one node: a constant where its inputs are constants, otherwise by its converter."""
    key = key_of(op.node)
    if not any(op.node.output):
        raise Refusal("has no output")
    if constants.fold(op):
        return
    symbols = [op.builder.symbols[name] for name in op.node.input if name in op.builder.symbols]
    if any(symbol.convert(op) for symbol in symbols):
        return
    if key not in op.builder.converters:
        raise Refusal(f"{key} is not supported (`edgeq ops` lists what is)")
    if "." not in key and key not in _ON_INTEGERS:
        _require_reals(op)
    op.builder.converters[key].convert(op)


def _require_reals(op: OpContext) -> None:
    for position, name in enumerate(op.node.input):
        type_ = op.builder.types.get(op.builder.values.get(name, ""))
        if type_ is not None and type_.quant is not None:
            raise Refusal(f"computes on the integers of input {position}, {type_}; accepted: behind a DequantizeLinear")


def key_of(node: onnx.NodeProto) -> str:
    """The key of a node's converter."""
    return node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"


class Expansion:
    """The nodes that one node is short for, under construction; `convert` converts them in its place."""

    def __init__(self, op: OpContext) -> None:
        self.op = op
        self.nodes: list[onnx.NodeProto] = []
        self._stem = next((name for name in op.node.output if name), op.node.op_type)

    def name(self) -> str:
        """An ONNX name that nothing has."""
        taken = {name for node in self.nodes for name in node.output}
        names = (f"{self._stem}/{number}" for number in count())
        return next(name for name in names if name not in taken and not self.op.builder.is_defined(name))

    def constant(self, array: Array) -> str:
        """A constant; returns its name."""
        name = self.name()
        self.op.builder.bind_constant(name, array)
        return name

    def add(
        self,
        op_type: str,
        inputs: Sequence[str],
        output: str = "",
        copied: Iterable[onnx.AttributeProto] = (),
        **attributes: Any,
    ) -> str:
        """Add a node of ONNX's own domain; returns the name of its output, a new one where none is given."""
        output = output or self.name()
        node = helper.make_node(op_type, inputs, [output], **attributes)
        node.attribute.extend(copied)
        self.nodes.append(node)
        return output

    def inputs(self, *positions: int) -> list[str]:
        """The names at inputs of the node, "" where an optional one is absent."""
        return [self.op.node.input[p] if self.op.has(p) else "" for p in positions]

    def attributes(self, *names: str) -> list[onnx.AttributeProto]:
        """Those of the node's attributes that are among these."""
        return [a for a in self.op.node.attribute if a.name in names]

    def convert(self) -> None:
        """Convert the nodes; what is refused of them is refused of the node they stand for."""
        for node in self.nodes:
            convert_node(OpContext(self.op.builder, node, self.op.source))
        self.nodes.clear()
