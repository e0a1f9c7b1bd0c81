"""Products for Arm's DSP extension: what `edgeq_mul_s8__dsp` is given."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edgeq.errors import Refusal
from edgeq.kernels.stages import Stages, make_stages
from edgeq.ops.elementwise import MulParams
from edgeq.ops.op import I32, Params, S32Data

_LARGEST_PRODUCT = 255**2


@dataclass(frozen=True)
class MulDspParams(Params):
    """Integers of the kernel; see the struct's comment."""

    struct: ClassVar[str] = "mul_dsp"

    depth: I32
    run: I32
    loops: S32Data | None
    twice_offset1: I32
    input2_offset: I32
    multiplier: I32
    addend: I32
    shift: I32
    act_min: I32
    act_max: I32


def refuses(params: MulParams) -> str | None:
    """Why the kernel cannot compute a product, if so."""
    if 0 in (params.input1_step, params.input2_step):
        return "an operand is broadcast along the last dimension; accepted: along others"
    try:
        _stage(params)
    except Refusal as refusal:
        return str(refusal)
    return None


def pack(params: MulParams) -> MulDspParams:
    """The kernel's integers."""
    multiplier, addend, shift = _stage(params).words[0]
    return MulDspParams(
        depth=params.depth,
        run=params.run,
        loops=params.loops,
        twice_offset1=2 * params.input1_offset,
        input2_offset=params.input2_offset,
        multiplier=int(multiplier),
        addend=int(addend),
        shift=int(shift),
        act_min=params.act_min,
        act_max=params.act_max,
    )


def _stage(params: MulParams) -> Stages:
    multiplier, shift = np.array([params.multiplier]), np.array([params.shift])
    return make_stages(np.zeros(1), multiplier, shift, params.output_offset, np.array([_LARGEST_PRODUCT]))
