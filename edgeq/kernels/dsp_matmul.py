"""Products of matrices for Arm's DSP extension: what is prepared offline for `edgeq_batch_matmul_s8__dsp`."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np

from edgeq.errors import Refusal
from edgeq.kernels.stages import make_stages
from edgeq.ops.batch_matmul import BatchMatmulParams
from edgeq.ops.op import I32, Array, Params

_ROWS, _COLUMNS = 2, 8
"""That are widened at a time."""

_LARGEST_PRODUCT = 255**2
"""Of two int8 values with their zero points subtracted."""


@dataclass(frozen=True)
class BatchMatmulDspParams(Params):
    """Integers of `edgeq_batch_matmul_s8__dsp`: sizes as in `BatchMatmulParams`, and the words of an output stage."""

    struct: ClassVar[str] = "batch_matmul_dsp"

    batch0: I32
    batch1: I32
    batch2: I32
    rows: I32
    depth: I32
    cols: I32
    lhs_step0: I32
    lhs_step1: I32
    lhs_step2: I32
    lhs_row_step: I32
    lhs_depth_step: I32
    rhs_step0: I32
    rhs_step1: I32
    rhs_step2: I32
    rhs_depth_step: I32
    rhs_col_step: I32
    lhs_offset: I32
    rhs_offset: I32
    act_min: I32
    act_max: I32
    multiplier: I32
    addend: I32
    shift: I32


def refuses(params: BatchMatmulParams) -> str | None:
    """Why the kernel cannot compute a product, if so."""
    try:
        _stage(params)
    except Refusal as refusal:
        return str(refusal)
    return None


def pack(params: BatchMatmulParams) -> BatchMatmulDspParams:
    """The kernel's integers."""
    names = {f.name for f in fields(BatchMatmulParams)} & {f.name for f in fields(BatchMatmulDspParams)}
    multiplier, addend, shift = _stage(params).tolist()
    same = {name: getattr(params, name) for name in names - {"multiplier", "shift"}}
    return BatchMatmulDspParams(**same, multiplier=multiplier, addend=addend, shift=shift)


def scratch(params: BatchMatmulDspParams) -> int:
    """Rows and columns, widened."""
    return (_ROWS + _COLUMNS) * 8 * _fours(params.depth)


def units(params: BatchMatmulDspParams) -> Mapping[str, int]:
    """What its time depends on."""
    products = params.batch0 * params.batch1 * params.batch2
    passes = products * -(-params.cols // _COLUMNS)
    pairs = passes * -(-params.rows // _ROWS)
    blocks = products * -(-params.rows // _ROWS) * -(-params.cols // 2)
    return {
        "call": 1,
        "product": products,
        "pass": passes,
        "pair": pairs,
        "four": (products * params.cols + passes * params.rows) * _fours(params.depth),
        "block": blocks,
        "block_four": blocks * _fours(params.depth),
    }


def _fours(depth: int) -> int:
    return -(-depth // 4)


def _stage(params: BatchMatmulParams) -> Array:
    """The three words."""
    largest = np.array([params.depth * _LARGEST_PRODUCT])
    multiplier, shift = np.array([params.multiplier]), np.array([params.shift])
    words: Array = make_stages(np.zeros(1, np.int64), multiplier, shift, params.output_offset, largest).words[0]
    return words
