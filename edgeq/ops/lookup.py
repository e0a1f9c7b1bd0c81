"""Functions of one value: whatever they compute, in C each is a table that `lower` fills.

int8     256 bytes, one per input
int16    513 results, between which is interpolated (`lookup_s16`), or straight lines: those that the function consists
         of, exactly (`lines`), or those that follow it where it bends too much for the table (`fitted_lines`)
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from edgeq.errors import Refusal
from edgeq.fixedpoint import Int64Array
from edgeq.ir import DType, Shape, TensorType
from edgeq.ops.fitted_lines import fit_lines
from edgeq.ops.lines import LinesOf, LinesParams, eval_lines, lower_lines
from edgeq.ops.lookup_s16 import Lookup16Params, eval_lookup_s16, nodes
from edgeq.ops.op import I32, Array, Lowering, Op, Params, S8Data, require_dtype, require_per_tensor
from edgeq.ops.quantize import quantize_array

_CLOSE = 8
"""Steps by which a table of int16 may miss a result."""

Table = Callable[[Any, TensorType, TensorType], Array]
"""Attributes, input and output type to the outputs for -128 .. 127, any integers; they are clamped to int8."""

Real = Callable[[Any, Array], Array]
"""Attributes and reals to reals."""

Domain = Callable[[Any], tuple[float, float]]
"""Attributes to the lowest and the highest real for which a function has a value."""


def everywhere(_: Any) -> tuple[float, float]:
    """The domain of most functions."""
    return -math.inf, math.inf


@dataclass(frozen=True)
class UnaryAttrs:
    """The op's name says which function it is; classes of ops with parameters add them.

    Attributes:
        in_reals: it is computed in float32, from what the input stands for, and then quantized (`passes.tabulate`),
            which takes any scale and zero point; otherwise as TFLite does, where TFLite has the function.
    """

    in_reals: bool = field(default=False, kw_only=True)


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


@dataclass(frozen=True)
class Function:
    """What an op with one operand computes, element by element.

    Attributes:
        real: the function on reals; NaN where it has no value.
        table: the function of bytes as TFLite computes it; None where only the real one says what it is.
        domain: where `real` has a value. Integers beyond count as the nearest one within.
        lines: the straight lines that the function consists of, if it does.
    """

    real: Real
    table: Table | None = None
    domain: Domain = everywhere
    lines: LinesOf | None = None

    def eval_float(self, attrs: Any, inputs: Sequence[Any]) -> tuple[Array, ...]:
        """The meaning on reals."""
        return (self.real(attrs, inputs[0]).astype(np.float32),)

    def lower(self, attrs: Any, lowering: Lowering) -> LookupParams | Lookup16Params | LinesParams:
        """The tables, or lines, of the function for these types."""
        x, output = lowering.input(0), lowering.outputs[0]
        require_dtype(x, DType.S8, DType.S16)
        require_dtype(output, x.dtype, what="output")
        for type_, what in ((x, "input"), (output, "output")):
            require_per_tensor(type_, what)
        return self._bytes(attrs, x, output) if x.dtype is DType.S8 else self._s16(attrs, x, output)

    def _bytes(self, attrs: Any, x: TensorType, output: TensorType) -> LookupParams:
        as_tflite = self.table is not None and not attrs.in_reals
        found = self.table(attrs, x, output) if self.table and as_tflite else self._rounded(attrs, steps(x), x, output)
        return LookupParams(x.size, np.clip(found, *DType.S8.range).astype(np.int8))

    def _s16(self, attrs: Any, x: TensorType, output: TensorType) -> Lookup16Params | LinesParams:
        if self.lines is not None:
            ends = ((limit - x.zero_point) * x.scale for limit in DType.S16.range)
            return lower_lines(self.lines(attrs, *ends), x, output)
        if self.table is not None and not attrs.in_reals:
            raise Refusal("input is s16; accepted: s8 (of TFLite's own tables)")
        table = Lookup16Params(x.size, self._rounded(attrs, nodes(x), x, output).astype(np.int16))
        every = np.arange(DType.S16.range[0], DType.S16.range[1] + 1)
        results = self._rounded(attrs, every - x.zero_point, x, output)
        close = np.abs(eval_lookup_s16(table, every) - results).max() <= _CLOSE
        return table if close else fit_lines(results, x, output)

    def _rounded(self, attrs: Any, distances: Int64Array, x: TensorType, output: TensorType) -> Array:
        """Dequantize, compute, quantize; where there is no real result, as a quantize of no number."""
        with np.errstate(over="ignore"):  # clipped, or what the function makes of infinity
            reals = np.clip(distances.astype(np.float32) * np.float32(x.scale), *self.domain(attrs))
        return quantize_array(self.real(attrs, reals), output)


def lookup_op(name: str, function: Function, attrs: type = UnaryAttrs) -> Op:
    """The record of an op with one input, one output of the same element type and a function between their elements."""
    return Op(
        name=name,
        attrs=attrs,
        infer=_infer,
        eval_float=function.eval_float,
        lower=function.lower,
        eval_int=_eval_int,
    )


def _infer(_: Any, inputs: Sequence[TensorType | None]) -> tuple[Shape, ...]:
    if len(inputs) != 1 or inputs[0] is None:
        raise Refusal(f"{len(inputs)} inputs; accepted: one")
    return (inputs[0].shape,)


def _eval_int(params: LookupParams | Lookup16Params | LinesParams, inputs: Sequence[Any]) -> tuple[Array, ...]:
    match params:
        case Lookup16Params():
            return (eval_lookup_s16(params, inputs[0]),)
        case LinesParams():
            return (eval_lines(params, inputs[0]),)
        case LookupParams():
            return (params.table[inputs[0].astype(np.int16) - DType.S8.range[0]],)
