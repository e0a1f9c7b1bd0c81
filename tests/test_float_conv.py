"""Convolutions in float32 are those in float64, to rounding, in however many parts they are computed."""

import numpy as np
import pytest

from edgeq.ops import OPS, float_conv
from edgeq.ops.conv2d import Conv2dAttrs, DepthwiseConv2dAttrs, accumulate


@pytest.mark.parametrize("chunk", [1, 50, 1000, 1 << 20])
def test_as_in_float64(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(float_conv, "_CHUNK", chunk)
    rng = np.random.default_rng(chunk)
    for _ in range(60):
        batch, groups, multiplier, per_group = (int(n) for n in rng.integers(1, 4, 4))
        kernel = tuple(int(n) for n in rng.integers(1, 4, 2))
        channels, size = groups * per_group, tuple(int(n) for n in rng.integers(5, 9, 2))
        geometry = {
            "stride": tuple(int(n) for n in rng.integers(1, 3, 2)),
            "dilation": tuple(int(n) for n in rng.integers(1, 3, 2)),
            "padding": tuple(int(n) for n in rng.integers(0, 3, 4) * (rng.random() < 0.7)),
        }
        x = rng.standard_normal((batch, *size, channels)).astype(np.float32)
        _check(x, (groups * multiplier, *kernel, per_group), Conv2dAttrs(**geometry, groups=groups), rng)
        _check(x, (1, *kernel, channels * multiplier), DepthwiseConv2dAttrs(**geometry), rng)


def _check(
    x: np.ndarray, shape: tuple[int, ...], attrs: Conv2dAttrs | DepthwiseConv2dAttrs, rng: np.random.Generator
) -> None:
    weights = rng.standard_normal(shape).astype(np.float32)
    bias = rng.standard_normal(shape[3] if isinstance(attrs, DepthwiseConv2dAttrs) else shape[0]).astype(np.float32)
    op = OPS["depthwise_conv2d" if isinstance(attrs, DepthwiseConv2dAttrs) else "conv2d"]
    (found,) = op.eval_float(attrs, [x, weights, bias])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, accumulate(x, weights, attrs) + bias, atol=1e-4)
