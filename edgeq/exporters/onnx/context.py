"""What an exporter of one op sees of its node, and how it adds operators to the file."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edgeq.exporters.onnx.model import Blocks
from edgeq.exporters.onnx.values import Values
from edgeq.ir import DType, Node, Quant, TensorType
from edgeq.ir.graph import Array
from edgeq.ir.tensor import dequantize
from edgeq.ops.activation import Activation
from edgeq.ops.weight_groups import FACTORS, spread
from edgeq.passes.layout.rules import Choice


class NodeContext:
    """A node in the layouts that were chosen for it; `attrs` are those that go with them."""

    def __init__(self, values: Values, node: Node, choice: Choice) -> None:
        self.values = values
        self.node = node
        self.attrs: Any = choice.attrs
        self._choice = choice
        self._label = values.label(node.outputs[0])

    def has(self, index: int) -> bool:
        """Whether an input is there."""
        return index < len(self.node.inputs) and self.node.inputs[index] != ""

    def type(self, index: int) -> TensorType:
        """The type of an input, as the graph has it."""
        return self.values.type(self.node.inputs[index])

    @property
    def output(self) -> TensorType:
        """The type of the result, as the graph has it."""
        return self.values.type(self.node.outputs[0])

    def shape(self, index: int) -> tuple[int, ...]:
        """The shape of an input, as it is stored."""
        layout = self._choice.inputs[index]
        assert layout is not None
        return layout.shape(self.type(index).shape)

    def input(self, index: int) -> str:
        """The tensor with the reals of an input."""
        layout = self._choice.inputs[index]
        assert layout is not None
        shapes = self._choice.shapes
        return self.values.real(self.node.inputs[index], layout, shapes[index] if shapes else None)

    def inputs(self) -> list[str]:
        """Those of all inputs that are there."""
        return [self.input(i) for i in range(len(self.node.inputs)) if self.has(i)]

    def constant(self, array: Array, what: str) -> str:
        """A tensor that is no value of the graph."""
        return self.values.builder.constant(np.asarray(array), f"{self._label}_{what}")

    def integers(self, numbers: Sequence[int], what: str) -> str:
        """A vector of shapes, axes or the like."""
        return self.constant(np.array(numbers, np.int64), what)

    def number(self, index: int) -> Array:
        """The real that a constant of one element is."""
        return dequantize(self.values.graph.constants[self.node.inputs[index]], self.type(index)).reshape(())

    def weights(self, index: int, perm: Sequence[int]) -> str:
        """The reals of constant weights, their dimensions in another order."""
        value = self.node.inputs[index]
        type_, array = self.type(index), self.values.graph.constants[value]
        if self.has(FACTORS):
            return self._weights_in_groups(array, type_, perm)
        quant = type_.quant
        if quant is not None and quant.axis is not None:
            quant = replace(quant, axis=list(perm).index(quant.axis))
        array = array.transpose(perm)
        return self.values.fixed(array, TensorType(array.shape, type_.dtype, quant), self.values.label(value))

    def _weights_in_groups(self, array: Array, type_: TensorType, perm: Sequence[int]) -> str:
        """With a scale for each block of channels; a group that several places of a filter share has several blocks."""
        assert type_.quant is not None
        factors = self.values.graph.constants[self.node.inputs[FACTORS]]
        size = math.gcd(array.size // factors.size, array.shape[-1])
        scales = spread(factors, array)[..., ::size] * np.array(type_.quant.scale).reshape(-1, *(1,) * (array.ndim - 1))
        blocks = Blocks(scales.transpose(perm).astype(np.float32), list(perm).index(array.ndim - 1), size)
        label = self.values.label(self.node.inputs[1])
        integers = self.values.builder.constant(array.transpose(perm), f"{label}_quantized", type_.dtype)
        return self.values.builder.dequantize_blocks(integers, type_.dtype, blocks, label)

    def bias(self, index: int) -> list[str]:
        """The reals of a bias, if there is one; as floats where DequantizeLinear, which takes 32 bits, does not do.

        Of floats the same integers are made again: they have as many digits as a bias of 64 bits came from.
        """
        if not self.has(index):
            return []
        value, type_, scales = self.node.inputs[index], self.type(index), self._bias_scales(index)
        array = self.values.graph.constants[value].reshape(-1)
        if type_.dtype is DType.S32 and scales is not None:
            quantized = TensorType(array.shape, DType.S32, Quant(scales, (0,) * len(scales), 0))
            return [self.values.fixed(array, quantized, self.values.label(value))]
        reals = array if scales is None else array.astype(np.float64) * np.asarray(scales)
        return [self.values.builder.constant(reals.astype(np.float32), self.values.label(value))]

    def _bias_scales(self, index: int) -> tuple[float, ...] | None:
        """The steps of a bias: its own, or those of the sums; None where it is of reals."""
        own, weights, size = self.type(index).quant, self.type(1).quant, self.type(index).size
        if own is not None:
            return own.scale if own.axis is not None else own.scale * size
        if self.type(index).dtype.is_float or weights is None:
            return None
        scales = weights.scale if weights.axis is not None else weights.scale * size
        return tuple(float(np.float32(self.type(0).scale * s)) for s in scales)

    def emit(self, op_type: str, inputs: Sequence[str], opset: int = 0, **attributes: Any) -> str:
        """Add an operator on the way to the result; returns its output."""
        name = self.values.builder.name(f"{self._label}_{op_type}")
        return self.values.builder.node(op_type, inputs, name, opset, **attributes)

    def moved(self, index: int, op_type: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Add an operator that moves what an input holds; returns the reals, as exact as those of the input."""
        return self.values.rounded(self.emit(op_type, inputs, **attributes), self.node.inputs[index])

    def result(self, op_type: str, inputs: Sequence[str], opset: int = 0, **attributes: Any) -> str:
        """Add the operator that makes the result, and the clamp that the node ends with; returns the output."""
        bounds = getattr(self.node.attrs, "activation", Activation.NONE).bounds
        if bounds == Activation.NONE.bounds:
            return self.values.builder.node(op_type, inputs, self._result_name(), opset, **attributes)
        return self.clamp(self.emit(op_type, inputs, opset, **attributes), *bounds)

    def clamp(self, tensor: str, low: float, high: float) -> str:
        """Add the operator that keeps a tensor between two bounds, as the result."""
        if (low, high) == Activation.RELU.bounds:
            return self.values.builder.node("Relu", [tensor], self._result_name())
        ends = [
            self.constant(np.array(bound, np.float32), what) if np.isfinite(bound) else ""
            for bound, what in ((low, "min"), (high, "max"))
        ]
        return self.values.builder.node("Clip", [tensor, *ends], self._result_name())

    def _result_name(self) -> str:
        return self.values.result_name(self.node.outputs[0], self._choice.output)


@dataclass(frozen=True)
class Exporter:
    """How one op becomes operators of ONNX.

    Attributes:
        export: adds them; returns the tensor with the result. Refusal where ONNX has none.
        image: it works on images, which have their channels second in ONNX.
    """

    export: Callable[[NodeContext], str]
    image: bool = False
