"""Functions of one byte: whatever they compute, in C each is a table of 256 bytes that `lower` fills."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from edgeq.errors import Refusal
from edgeq.fixedpoint import Int64Array
from edgeq.ir import DType, Shape, TensorType
from edgeq.ir.tensor import dequantize
from edgeq.ops.op import I32, Array, Lowering, Op, Params, S8Data, require_dtype, require_per_tensor
from edgeq.ops.quantize import quantize_array

Table = Callable[[Any, TensorType, TensorType], Array]
"""Attributes, input and output type to the outputs for -128 .. 127, any integers; they are clamped to int8."""

Real = Callable[[Any, Array], Array]
"""Attributes and reals to reals."""


@dataclass(frozen=True)
class UnaryAttrs:
    """The op's name says which function it is.

    Attributes:
        in_reals: it is computed in float32, from what the input stands for, and then quantized (`passes.tabulate`).
    """

    in_reals: bool = False


@dataclass(frozen=True)
class LookupParams(Params):
    """Number of elements, and the output for each of the inputs -128 .. 127."""

    struct: ClassVar[str] = "lookup"

    count: I32
    table: S8Data


def steps(x: TensorType) -> Int64Array:
    """All values of an int8 type in ascending order, as steps from its zero point."""
    low, high = DType.S8.range
    return np.arange(low, high + 1, dtype=np.int64) - x.zero_point


def lookup_op(name: str, real: Real, table: Table, attrs: type = UnaryAttrs) -> Op:
    """The record of an op with one int8 input, one int8 output and a function between their elements."""

    def eval_float(attributes: Any, inputs: Sequence[Any]) -> tuple[Array, ...]:
        return (real(attributes, inputs[0]).astype(np.float32),)

    def lower(attributes: Any, lowering: Lowering) -> LookupParams:
        x, output = lowering.input(0), lowering.outputs[0]
        for type_, what in ((x, "input"), (output, "output")):
            require_dtype(type_, DType.S8, what=what)
            require_per_tensor(type_, what)
        fill = _in_reals if getattr(attributes, "in_reals", False) else table
        outputs = np.clip(fill(attributes, x, output), *DType.S8.range)
        return LookupParams(x.size, outputs.astype(np.int8))

    def _in_reals(attributes: Any, x: TensorType, output: TensorType) -> Array:
        """Dequantize, compute, quantize; where there is no real result, as a quantize of no number."""
        return quantize_array(real(attributes, dequantize(steps(x) + x.zero_point, x)), output)

    return Op(name=name, attrs=attrs, infer=_infer, eval_float=eval_float, lower=lower, eval_int=_eval_int)


def _infer(_: Any, inputs: Sequence[TensorType | None]) -> tuple[Shape, ...]:
    if len(inputs) != 1 or inputs[0] is None:
        raise Refusal(f"{len(inputs)} inputs; accepted: one")
    return (inputs[0].shape,)


def _eval_int(params: LookupParams, inputs: Sequence[Any]) -> tuple[Array, ...]:
    return (params.table[inputs[0].astype(np.int16) - DType.S8.range[0]],)
