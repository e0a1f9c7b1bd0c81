"""`l2_normalize`: each row along the last axis, divided by the root of the sum of its squares.

Integer meaning (TFLite `reference_integer_ops::L2Normalization`): the root of a row's sum is a multiplier for its
elements; outputs are in steps of 1/128. A row of zeros stays as it is. int16, which TFLite does not have: likewise, in
steps of 1/32768, from sums of 64 bits of which the 29 highest count.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from edgeq import gemmlowp
from edgeq.errors import Refusal
from edgeq.fixedpoint import INT32_MAX, multiply_by_quantized_multiplier
from edgeq.ir import DType, Quant, Shape, TensorType
from edgeq.ops.filters import largest_step
from edgeq.ops.op import I32, Array, Lowering, Op, Params, require_dtype, require_per_tensor

_OUTPUT_BITS = {DType.S8: 7, DType.S16: 15}


@dataclass(frozen=True)
class L2NormalizeAttrs:
    """None."""


@dataclass(frozen=True)
class L2NormalizeParams(Params):
    """`rows` rows of `depth` elements."""

    struct: ClassVar[str] = "l2_normalize"

    rows: I32
    depth: I32
    input_offset: I32


def _infer(_: L2NormalizeAttrs, inputs: Sequence[TensorType | None]) -> tuple[Shape, ...]:
    if len(inputs) != 1 or inputs[0] is None or not inputs[0].shape:
        raise Refusal(f"inputs {[str(t) for t in inputs]}; accepted: one of rank 1 or more")
    return (inputs[0].shape,)


def _eval_float(_: L2NormalizeAttrs, inputs: Sequence[Any]) -> tuple[Array, ...]:
    norms = np.sqrt(np.square(inputs[0]).sum(axis=-1, keepdims=True))
    return (inputs[0] / np.where(norms > 0, norms, 1),)


def _lower(_: L2NormalizeAttrs, lowering: Lowering) -> L2NormalizeParams:
    x, output = lowering.input(0), lowering.outputs[0]
    require_dtype(x, *_OUTPUT_BITS)
    require_dtype(output, x.dtype, what="output")
    require_per_tensor(x, "input")
    wanted = Quant.per_tensor(2.0 ** -_OUTPUT_BITS[x.dtype], 0)
    if output.quant != wanted:
        raise Refusal(f"output {output}; accepted: scale and zero point {wanted}")
    depth, longest = x.shape[-1], INT32_MAX // largest_step(x) ** 2
    if x.dtype is DType.S8 and depth > longest:
        raise Refusal(f"rows of {depth} elements; accepted: up to {longest}, whose squares add up to an int32")
    return L2NormalizeParams(x.size // depth, depth, -x.zero_point)


def _eval_int(params: L2NormalizeParams, inputs: Sequence[Any]) -> tuple[Array, ...]:
    dtype = DType.of(inputs[0].dtype)
    x = inputs[0].reshape(params.rows, params.depth).astype(np.int64) + params.input_offset
    sums = np.square(x).sum(axis=1, keepdims=True)
    mantissa, shift = _reciprocal_root(sums) if dtype is DType.S16 else gemmlowp.inverse_square_root(sums)
    steps = multiply_by_quantized_multiplier(x, mantissa, _OUTPUT_BITS[dtype] - shift)
    return (np.clip(steps, *dtype.range).astype(dtype.numpy),)


def _reciprocal_root(sums: Array) -> tuple[Array, Array]:
    """As `gemmlowp.inverse_square_root`, of sums of 64 bits: their roots are halved until the sums are below 2**29."""
    halvings = np.zeros_like(sums)
    while (large := sums >= 1 << 29).any():
        sums = np.where(large, sums >> 2, sums)
        halvings += large
    mantissa, shift = gemmlowp.inverse_square_root(sums)
    return mantissa, shift + halvings


L2_NORMALIZE = Op(
    name="l2_normalize",
    attrs=L2NormalizeAttrs,
    infer=_infer,
    eval_float=_eval_float,
    lower=_lower,
    eval_int=_eval_int,
)
