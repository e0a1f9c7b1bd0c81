"""Sums and differences for cores without long multiplications: `edgeq_add_s8__swar` and `edgeq_sub_s8__swar`.

An output is what a plane over both operands makes,

    (input1 * factor1 + input2 * factor2 + intercept) >> 21,  clamped

which is exact if it is for each of the 65536 pairs of operands: an intercept is looked for with which it is, and where
there is none the sum is refused.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edgeq.errors import Refusal
from edgeq.fixedpoint import multiply_by_quantized_multiplier, requantize_fraction
from edgeq.ops.elementwise import AddParams
from edgeq.ops.op import I32, Array, Params, S32Data

_BITS = 21
"""Of fraction: more would not leave room for sums of several times the output's range, fewer would often not do."""

_NEARBY = (0, 1, -1, 2, -2)
"""Tried around the nearest factors."""

_MARGIN = 2**30
"""Of intercepts, where a sum never leaves one of the bounds."""

_ELEMENTS = np.arange(-128, 128)


@dataclass(frozen=True)
class PlaneParams(Params):
    """Integers of the kernels; the first five as in `BinaryParams`."""

    struct: ClassVar[str] = "plane"

    depth: I32
    run: I32
    input1_step: I32
    input2_step: I32
    loops: S32Data | None
    factor1: I32
    factor2: I32
    intercept: I32
    act_min: I32
    act_max: I32


def refuses(sign: int) -> Callable[[AddParams], str | None]:
    """Why the kernels cannot compute a sum (1) or difference (-1), if so."""

    def reason(params: AddParams) -> str | None:
        try:
            _plane(params, sign)
        except Refusal as refusal:
            return str(refusal)
        return None

    return reason


def pack(sign: int) -> Callable[[AddParams], PlaneParams]:
    """The kernels' integers, for sums (1) or differences (-1)."""

    def integers(params: AddParams) -> PlaneParams:
        factor1, factor2, intercept = _plane(params, sign)
        return PlaneParams(
            depth=params.depth,
            run=params.run,
            input1_step=params.input1_step,
            input2_step=params.input2_step,
            loops=params.loops,
            factor1=factor1,
            factor2=factor2,
            intercept=intercept,
            act_min=params.act_min,
            act_max=params.act_max,
        )

    return integers


def _plane(params: AddParams, sign: int) -> tuple[int, int, int]:
    """Factors and intercept."""
    outputs = _outputs(params, sign)
    scale = _real(params.output_multiplier, params.output_shift + params.left_shift + _BITS)
    slopes = [
        round(scale * _real(params.input1_multiplier, params.input1_shift)),
        round(scale * sign * _real(params.input2_multiplier, params.input2_shift)),
    ]
    above, below = outputs > params.act_min, outputs < params.act_max
    for near1 in _NEARBY:
        for near2 in _NEARBY:
            factor1, factor2 = slopes[0] + near1, slopes[1] + near2
            heights = np.add.outer(_ELEMENTS * factor1, _ELEMENTS * factor2)
            least = int(((outputs << _BITS) - heights).max(where=above, initial=-_MARGIN))
            most = int(((outputs + 1 << _BITS) - 1 - heights).min(where=below, initial=_MARGIN))
            intercept = (least + most) // 2
            if least <= most and int(np.abs(heights + intercept).max()) < 2**31:
                return factor1, factor2, intercept
    raise Refusal("the outputs are not those of a plane; accepted: what sums of 32 bits make exactly")


def _outputs(params: AddParams, sign: int) -> Array:
    """Of all pairs of elements `[256, 256]`, as `ops.elementwise` has it."""
    first = _ELEMENTS + params.input1_offset << params.left_shift
    second = _ELEMENTS + params.input2_offset << params.left_shift
    first = multiply_by_quantized_multiplier(first, params.input1_multiplier, params.input1_shift)
    second = multiply_by_quantized_multiplier(second, params.input2_multiplier, params.input2_shift)
    sums = np.add.outer(first, sign * second)
    stage = params.output_multiplier, params.output_shift, params.output_offset, params.act_min, params.act_max
    return requantize_fraction(sums, *stage)


def _real(multiplier: int, shift: int) -> float:
    return float(np.ldexp(float(multiplier), shift - 31))
