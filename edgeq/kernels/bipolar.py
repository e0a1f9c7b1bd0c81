"""Kernels for values of one bit: what makes them, and layers that read them."""

from collections.abc import Mapping

import numpy as np

from edgeq.kernels.kernel import Kernel
from edgeq.kernels.overlap import least_distance
from edgeq.ops.bipolar import BipolarParams
from edgeq.ops.bipolar_layers import WORD_BITS, BipolarConv2dParams, BipolarDenseParams

_WORD = 4

_OUTPUTS = {"": "b1", "_s8": "s8", "_s16": "s16"}
"""Endings of names, and element types of outputs."""


def _dense_scratch(params: BipolarDenseParams) -> int:
    """A row that does not begin with a word."""
    begins = params.batches == 1 or params.in_features % WORD_BITS == 0
    return 0 if begins else _WORD * -(-params.in_features // WORD_BITS)


def _conv_scratch(params: BipolarConv2dParams) -> int:
    """The bits under a window, and which of them are on the image."""
    return 2 * _WORD * -(-params.kernel_h * params.kernel_w * params.in_c // WORD_BITS)


def _dense_units(params: BipolarDenseParams) -> Mapping[str, int]:
    outputs = params.batches * params.out_features
    return {"call": 1, "output": outputs, "word": outputs * -(-params.in_features // WORD_BITS)}


def _conv_units(params: BipolarConv2dParams) -> Mapping[str, int]:
    pixels = params.batches * params.out_h * params.out_w
    outputs, taps = pixels * params.out_c, params.kernel_h * params.kernel_w
    words = -(-taps * params.in_c // WORD_BITS)
    return {"call": 1, "pixel": pixels, "tap": pixels * taps, "output": outputs, "word": outputs * words}


def _bipolar_overlap(params: BipolarParams) -> int:
    """A word is written when 32 elements have been read."""
    words = np.arange(-(-params.count // WORD_BITS))
    return least_distance(WORD_BITS * words, _WORD * (words + 1), params.count)


KERNELS = (
    Kernel(
        name="edgeq_bipolar_s8",
        family="bipolar",
        ops=("bipolar",),
        params=BipolarParams,
        inputs=("s8",),
        outputs=("b1",),
        overlap=_bipolar_overlap,
    ),
    *(
        Kernel(
            name=f"edgeq_bipolar_dense{ending}",
            family="bipolar",
            ops=("bipolar_dense",),
            params=BipolarDenseParams,
            inputs=("b1",),
            outputs=(output,),
            scratch=_dense_scratch,
            units=_dense_units,
        )
        for ending, output in _OUTPUTS.items()
    ),
    *(
        Kernel(
            name=f"edgeq_bipolar_conv2d{ending}",
            family="bipolar",
            ops=("bipolar_conv2d",),
            params=BipolarConv2dParams,
            inputs=("b1",),
            outputs=(output,),
            scratch=_conv_scratch,
            units=_conv_units,
        )
        for ending, output in _OUTPUTS.items()
    ),
)
