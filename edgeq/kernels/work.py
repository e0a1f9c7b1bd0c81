"""What the time of portable kernels depends on: `Kernel.units` of those that are one of several for an op."""

import math
from collections.abc import Mapping

from edgeq.ops.binary import BinaryParams
from edgeq.ops.conv2d import ConvGeometry
from edgeq.ops.dense import DenseParams
from edgeq.ops.pool import PoolParams
from edgeq.ops.weight_groups import DenseGroupsParams, DenseGroupsS16Params


def convolution(params: ConvGeometry) -> Mapping[str, int]:
    """Of both convolutions: for a depthwise one there are as many groups as input channels."""
    pixels = params.batches * params.out_h * params.out_w
    outputs = pixels * params.out_c
    taps = outputs * params.kernel_h * params.kernel_w
    products = taps * (params.in_c // params.groups)
    lines = outputs * params.kernel_h
    return {"call": 1, "pixel": pixels, "output": outputs, "line": lines, "tap": taps, "mac": products}


def pool(params: PoolParams) -> Mapping[str, int]:
    """Of windows, as far as they are on the image."""
    rows, columns = (int((spans.end - spans.begin).sum()) for spans in (params.windows.rows, params.windows.cols))
    images = params.batches * params.channels
    return {
        "call": 1,
        "output": images * params.out_h * params.out_w,
        "line": images * rows * params.out_w,
        "tap": images * rows * columns,
    }


def dense(params: DenseParams | DenseGroupsParams | DenseGroupsS16Params) -> Mapping[str, int]:
    """Rows times columns."""
    outputs = params.batches * params.out_features
    return {"call": 1, "output": outputs, "mac": outputs * params.in_features}


def binary(params: BinaryParams) -> Mapping[str, int]:
    """Element by element, in runs."""
    runs = 1 if params.loops is None else math.prod(params.loops.reshape(-1, 3)[:, 0].tolist())
    return {"call": 1, "run": runs, "output": runs * params.run}
