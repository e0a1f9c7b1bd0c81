"""Fully connected layers for Arm's DSP extension with weights of 1 to 4 bits: `edgeq_dense_w4_s8__dsp`, ..."""

from collections.abc import Callable

from edgeq.kernels import dsp_narrow
from edgeq.kernels.dsp_dense import FEATURES, DenseDspParams, ordered_filters
from edgeq.kernels.dsp_narrow import pack_bias, pack_groups, scaled, steps_of_round
from edgeq.ops.dense import DenseParams


def refuses(params: DenseParams) -> str | None:
    """Why no kernel for its width can compute a layer, if so."""
    return dsp_narrow.refuses(params.weight_offset, lambda: ordered_filters(params))


def pack(bits: int) -> Callable[[DenseParams], DenseDspParams]:
    """The integers of the kernel for a width."""

    def integers(params: DenseParams) -> DenseDspParams:
        filters = scaled(ordered_filters(params))
        zeros = -(filters.weights.shape[1] // 2) % steps_of_round(bits)
        return DenseDspParams(
            batches=params.batches,
            in_features=params.in_features,
            out_features=params.out_features,
            act_min=params.act_min,
            act_max=params.act_max,
            sums=zeros + 1,
            weights=pack_groups(filters, bits, FEATURES),
            bias=pack_bias(filters.bias),
        )

    return integers
