"""Which tensors of the ONNX file hold a value of the graph: its integers, and its reals in each layout asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgeq.exporters.onnx.model import ModelBuilder, Port
from edgeq.ir import Graph, Node, Shape, TensorType
from edgeq.ir.graph import Array
from edgeq.passes.layout.order import Layout, steps_between


@dataclass(frozen=True)
class _Stored:
    """The tensor that a value was made as: its integers where it is quantized."""

    tensor: str
    layout: Layout


class Values:
    """The tensors that there are so far."""

    def __init__(self, graph: Graph, builder: ModelBuilder, inputs: Sequence[Port], outputs: Sequence[Port]) -> None:
        self.graph = graph
        self.builder = builder
        self._outputs = outputs
        self._ports = {port.value: port for port in reversed(outputs)}
        self._stored = {port.value: _Stored(port.name, port.layout) for port in inputs}
        self._reals: dict[tuple[str, Layout], str] = {}
        for port in (*inputs, *outputs):
            builder.reserve(port.name)

    def type(self, value: str) -> TensorType:
        """Of the graph."""
        return self.graph.types[value]

    def label(self, value: str) -> str:
        """What a value is called: as the tensor of the original file that it equals."""
        origin = self.graph.origins.get(value)
        return (origin.name if origin else "") or value

    def layout(self, value: str) -> Layout | None:
        """How a value that is computed is stored; None for constants."""
        stored = self._stored.get(value)
        return stored.layout if stored else None

    # Results

    def result_name(self, value: str, layout: Layout) -> str:
        """A name for the tensor of what an operator makes: the port's, where it is the port as it is."""
        port = self._ports.get(value)
        if port is not None and port.layout == layout and self.type(value).quant is None:
            return port.name
        return self.builder.name(self.label(value), "QuantizeLinear_Input")

    def define(self, value: str, result: str, layout: Layout) -> None:
        """Let a value be the result of an operator, quantized where the value is."""
        type_ = self.type(value)
        if type_.quant is None:
            self._stored[value] = _Stored(result, layout)
            return
        port = self._ports.get(value)
        name = port.name if port is not None and port.layout == layout else ""
        self._stored[value] = _Stored(self.builder.quantize(result, type_, self.label(value), name), layout)

    def dequantized(self, value: str, source: str) -> None:
        """Let a value of reals be a quantized one, dequantized."""
        port = self._ports.get(value)
        layout = port.layout if port else self._stored[source].layout
        name = self.result_name(value, layout)
        self.builder.dequantize(self._tensor(source, layout), self.type(source), self.label(source), name)
        self._stored[value] = _Stored(name, layout)

    def alias(self, value: str, source: str, layout: Layout) -> None:
        """Let a value be another one in another order of dimensions; `layout`: where both are the same tensor."""
        self._stored[value] = _Stored(self._stored[source].tensor, layout)

    def assume(self, node: Node) -> None:
        """Take the outputs of a refused node as if they were there."""
        for value in node.outputs:
            self._stored[value] = _Stored(value, Layout.plain(len(self.type(value).shape)))

    # Operands

    def real(self, value: str, layout: Layout, shape: Shape | None = None) -> str:
        """The tensor with the reals of a value, stored in a layout, and reshaped from there if need be."""
        tensor = self._real(value, layout)
        if shape is None or shape == layout.shape(self.type(value).shape):
            return tensor
        return self.rounded(self.reshaped(tensor, shape, self.label(value)), value)

    def rounded(self, tensor: str, value: str) -> str:
        """A tensor that holds the reals of a value, quantized as that is, so that runtimes see that it stays so."""
        if self.type(value).quant is None:
            return tensor
        return self._dequantized(self.builder.quantize(tensor, self.type(value), self.label(value)), value)

    def _real(self, value: str, layout: Layout) -> str:
        key = value, layout
        if key not in self._reals:
            constant = value in self.graph.constants
            self._reals[key] = (
                self._constant(value, layout) if constant else self._dequantized(self._tensor(value, layout), value)
            )
        return self._reals[key]

    def _tensor(self, value: str, layout: Layout) -> str:
        """A value as it is kept, its integers where it is quantized, in a layout.

        What is moved is quantized again, so that runtimes see that they may move integers.
        """
        type_, stored = self.type(value), self._stored[value]
        if stored.layout == layout:
            return stored.tensor
        moved = self._in_layout(self._real(value, stored.layout), type_, stored.layout, layout, self.label(value))
        return moved if type_.quant is None else self.builder.quantize(moved, type_, self.label(value))

    def _dequantized(self, tensor: str, value: str) -> str:
        type_ = self.type(value)
        return tensor if type_.quant is None else self.builder.dequantize(tensor, type_, self.label(value))

    def _in_layout(self, tensor: str, type_: TensorType, stored: Layout, wanted: Layout, stem: str) -> str:
        if stored.same_bytes(wanted, type_.shape):
            return self.reshaped(tensor, wanted.shape(type_.shape), stem)
        name = self.builder.name(f"{stem}_transposed")
        return self.builder.node("Transpose", [tensor], name, perm=steps_between(stored, wanted))

    def reshaped(self, tensor: str, shape: Shape, stem: str) -> str:
        """A tensor in another shape."""
        name = self.builder.name(f"{stem}_reshaped")
        return self.builder.node("Reshape", [tensor, self._vector(shape, f"{name}_shape")], name)

    def _vector(self, numbers: Sequence[int], stem: str) -> str:
        return self.builder.constant(np.array(numbers, np.int64), stem)

    def _constant(self, value: str, layout: Layout) -> str:
        type_ = layout.type(self.type(value))
        assert type_ is not None
        return self.fixed(layout.apply(self.graph.constants[value]), type_, self.label(value))

    def fixed(self, array: Array, type_: TensorType, stem: str) -> str:
        """The reals of a constant."""
        if type_.quant is None:
            return self.builder.constant(array, stem)
        integers = self.builder.constant(array, f"{stem}_quantized", type_.dtype)
        return self.builder.dequantize(integers, replace(type_, shape=array.shape), stem)

    # Ports

    def write_outputs(self) -> None:
        """Write what is no port yet to the ports."""
        for port in self._outputs:
            if port.value in self.graph.constants:
                array = port.layout.apply(self.graph.constants[port.value])
                self.builder.node("Identity", [self.builder.constant(array, f"{port.name}_value")], port.name)
                continue
            tensor = self._tensor(port.value, port.layout)
            if tensor != port.name:
                self.builder.node("Identity", [tensor], port.name)
