"""The convolution for Arm's DSP extension with weights of 1 to 4 bits: `edgeq_conv2d_w4_s8__dsp`, ..."""

from collections.abc import Callable

from edgeq.kernels import dsp_narrow
from edgeq.kernels.dsp_conv import Conv2dDspParams, ordered_filters, with_geometry
from edgeq.kernels.dsp_narrow import pack_bias, pack_groups, scaled, steps_of_round
from edgeq.ops.conv2d import Conv2dParams


def refuses(params: Conv2dParams) -> str | None:
    """Why no kernel for its width can compute a layer, if so."""
    if params.groups != 1:
        return f"{params.groups} groups of channels; accepted: 1"
    return dsp_narrow.refuses(params.weight_offset, lambda: ordered_filters(params))


def pack(bits: int) -> Callable[[Conv2dParams], Conv2dDspParams]:
    """The integers of the kernel for a width."""

    def integers(params: Conv2dParams) -> Conv2dDspParams:
        filters = scaled(ordered_filters(params))
        zeros = -(filters.weights.shape[1] // 2) % steps_of_round(bits)
        return with_geometry(params, pack_groups(filters, bits), pack_bias(filters.bias), zeros + 1)

    return integers
