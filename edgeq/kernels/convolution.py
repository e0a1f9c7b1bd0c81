"""What the kernels of convolutions that are made for an instruction set have in common."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from edgeq.ops.conv2d import Conv2dParams, ConvWindow
from edgeq.ops.op import I32, Array, Params


@dataclass(frozen=True)
class ConvRows(ConvWindow):
    """What the structs of such kernels begin with: they compute rows `row_begin` to `row_end` of the output.

    Padded taps read `input_zero`; `bias_cols` is that of `Conv2dParams`.
    """

    row_begin: I32
    row_end: I32
    input_zero: I32
    act_min: I32
    act_max: I32
    bias_cols: I32

    @property
    def pixels(self) -> int:
        """Of the output."""
        return self.batches * (self.row_end - self.row_begin) * self.out_w


def same_fields(params: Conv2dParams, struct: type[Params]) -> Mapping[str, Any]:
    """The fields of a kernel's own struct that follow from the sizes and the activation: all rows are computed."""
    values = vars(params) | {"row_begin": 0, "row_end": params.out_h, "input_zero": -params.input_offset}
    own = {"weights", "bias", "multiplier", "shift"}
    return {f.name: values[f.name] for f in fields(struct) if f.name in values and f.name not in own}


def filters_of(params: Conv2dParams) -> Array:
    """Weights as int64 `[out_c, taps]`; those of a depthwise convolution of one channel lie side by side."""
    depthwise = params.weights.ndim == 4 and params.weights.shape[0] == 1
    weights = params.weights.reshape(-1, params.out_c).T if depthwise else params.weights.reshape(params.out_c, -1)
    wide: Array = weights.astype(np.int64)
    return wide


def bias_of(params: Conv2dParams, filters: Array) -> Array:
    """Biases with the zero point of the input in them, int64 `[regions, out_c]`; `filters`: `[out_c, taps]`."""
    bias: Array = params.bias.reshape(-1, params.out_c).astype(np.int64) + params.input_offset * filters.sum(axis=1)
    return bias
