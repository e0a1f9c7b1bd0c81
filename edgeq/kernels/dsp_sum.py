"""Sums and differences for Arm's DSP extension: what `edgeq_add_s8__dsp` and `edgeq_sub_s8__dsp` are given.

Both operands are brought to steps of twice the larger of their scales (`ops.elementwise`). The operand with that scale,
the wide one, is halved, which is a shift and exact; of the other one all 256 results are computed here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edgeq.errors import Refusal
from edgeq.fixedpoint import Rounding, current_rounding, multiply_by_quantized_multiplier, rounding
from edgeq.kernels.dsp_product import MulDspParams
from edgeq.kernels.stages import Stages, make_stages
from edgeq.ops.elementwise import AddParams
from edgeq.ops.op import I32, Array, Params, S32Data

_BITS = 20
"""Of fraction that the sums have."""

_LARGEST_SUM = 2 * 255 << (_BITS - 1)
_HALF = (1 << 30, 0)
"""The multiplier and shift of 1/2."""


@dataclass(frozen=True)
class AddDspParams(Params):
    """Integers of the kernels; see the struct's comment."""

    struct: ClassVar[str] = "add_dsp"

    depth: I32
    run: I32
    loops: S32Data | None
    wide: I32
    addends: S32Data
    multiplier: I32
    addend: I32
    shift: I32
    act_min: I32
    act_max: I32


def refuses(params: AddParams) -> str | None:
    """Why the kernels cannot compute a sum, if so."""
    if 0 in (params.input1_step, params.input2_step):
        return "an operand is broadcast along the last dimension; accepted: along others"
    if params.left_shift != _BITS:
        return f"{params.left_shift} bits of fraction; accepted: {_BITS}"
    if _HALF not in _scales(params):
        return "no operand is scaled by 1/2; accepted: one that is"
    try:
        _stage(params)
    except Refusal as refusal:
        return str(refusal)
    return None


def pack(sign: int) -> Callable[[AddParams], AddDspParams]:
    """The kernels' integers, for sums (1) or differences (-1)."""

    def integers(params: AddParams) -> AddDspParams:
        wide = 1 + _scales(params).index(_HALF)
        multiplier, addend, shift = _stage(params).words[0]
        return AddDspParams(
            depth=params.depth,
            run=params.run,
            loops=params.loops,
            wide=wide,
            addends=_addends(params, wide, (1, sign)),
            multiplier=int(multiplier),
            addend=int(addend),
            shift=int(shift),
            act_min=params.act_min,
            act_max=params.act_max,
        )

    return integers


def units(params: AddDspParams | MulDspParams) -> Mapping[str, int]:
    """What the time depends on."""
    runs = 1 if params.loops is None else int(np.prod(params.loops.reshape(-1, 3)[: params.depth, 0]))
    clamped = (params.act_min, params.act_max) != (-128, 127)
    elements = runs * params.run
    return {"call": 1, "run": runs, "element": elements, "clamped": elements * clamped}


def _scales(params: AddParams) -> list[tuple[int, int]]:
    return [(params.input1_multiplier, params.input1_shift), (params.input2_multiplier, params.input2_shift)]


def _addends(params: AddParams, wide: int, signs: tuple[int, int]) -> Array:
    """What an element of the other operand adds to the doubled sum, the wide offset with it: 0 .. 127, -128 .. -1."""
    offsets = params.input1_offset, params.input2_offset
    other = 2 - wide
    values = np.arange(256).astype(np.int8).astype(np.int64) + offsets[other]
    scaled = multiply_by_quantized_multiplier(values << _BITS, *_scales(params)[other])
    return np.asarray(2 * signs[other] * scaled + (signs[wide - 1] * offsets[wide - 1] << _BITS)).astype(np.int32)


def _stage(params: AddParams) -> Stages:
    """Of values that are no sums of products: these are rounded once where the others are floats."""
    multiplier, shift = np.array([params.output_multiplier]), np.array([params.output_shift])
    with rounding(Rounding.DOUBLE if current_rounding() is Rounding.DOUBLE else Rounding.SINGLE):
        return make_stages(np.zeros(1), multiplier, shift, params.output_offset, np.array([_LARGEST_SUM]))
