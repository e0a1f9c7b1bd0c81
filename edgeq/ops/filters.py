"""What every op with constant weights shares: scales per output channel, multipliers, biases, safe sums."""

from collections.abc import Sequence

import numpy as np

from edgeq.errors import Refusal
from edgeq.fixedpoint import (
    INT32_MAX,
    INT32_MIN,
    LARGEST_SHIFT64,
    LARGEST_SUM64,
    Rounding,
    current_rounding,
    quantize_multiplier,
    reduce_multiplier,
)
from edgeq.ir import DType, TensorType
from edgeq.ops.op import Array, require_dtype

_FLOAT32_MAX = float(np.finfo(np.float32).max)


WEIGHTS = (DType.S8, DType.S4, DType.S3, DType.S2, DType.B1)
"""Element types of weights; only ops that say so take the narrow ones."""


def channel_scales(weights: TensorType, axis: int, accepted: Sequence[DType] = (DType.S8,)) -> tuple[float, ...]:
    """The scale of every output channel, whose dimension is `axis`."""
    require_dtype(weights, *accepted, what="the filter")
    quant = weights.quant
    if quant is None:
        raise Refusal("the filter is not quantized; it needs a scale")
    if quant.axis is None:
        return quant.scale * weights.shape[axis]
    if quant.axis != axis:
        raise Refusal(f"the filter is quantized along dimension {quant.axis}; accepted: {axis}")
    return quant.scale


def weight_offset(weights: TensorType) -> int:
    """What is added to each weight: 0, but for the asymmetric per-tensor weights of old uint8 models."""
    assert weights.quant is not None
    if weights.quant.axis is None:
        return -weights.zero_point
    if any(weights.quant.zero_point):
        raise Refusal("the filter has scales per channel and zero points other than 0; accepted: zero points of 0")
    return 0


def multipliers(
    x: TensorType, scales: Sequence[float], output: TensorType, *, float32_product: bool = False
) -> tuple[Array, Array]:
    """Mantissas and shifts that bring sums of products to steps of the output.

    Source: TFLite `PopulateConvolutionQuantizationParams` and `GetQuantizedConvolutionMultipler`
    (kernels/kernel_util.cc), as they are compiled into TensorFlow Lite Micro: all in double. Under the other
    contracts, which no TFLite runtime has, the factor is the float32 that ONNX Runtime multiplies with: a mantissa of
    31 bits holds it exactly.

    Args:
        x: one factor of the products.
        scales: of the other factor, per output channel.
        output: what the sums become.
        float32_product: whether the product of the two scales is rounded to float32.
    """
    if current_rounding() is not Rounding.DOUBLE:
        with np.errstate(over="ignore"):  # saturates whatever the sums
            factors = [float(np.float32(x.scale) * np.float32(s) / np.float32(output.scale)) for s in scales]
        return _pairs([min(factor, _FLOAT32_MAX) for factor in factors])
    products = [x.scale * scale for scale in scales]
    if float32_product:
        products = [float(np.float32(min(p, _FLOAT32_MAX))) for p in products]
    return _pairs([p / output.scale for p in products])


def _pairs(factors: Sequence[float]) -> tuple[Array, Array]:
    pairs = [quantize_multiplier(f) for f in factors]
    return np.array([m for m, _ in pairs], np.int32), np.array([s for _, s in pairs], np.int8)


def multipliers64(x: TensorType, scales: Sequence[float], output: TensorType) -> tuple[Array, Array]:
    """Mantissas in Q15 and shifts for sums of 64 bits; arguments as for `multipliers`."""
    mantissas, shifts = multipliers(x, scales, output)
    if shifts.max() > LARGEST_SHIFT64:
        factor = 2**LARGEST_SHIFT64
        raise Refusal(f"output scale {output.scale} is below 1/{factor} of the sums'; accepted: from 1/{factor}")
    return np.array([reduce_multiplier(int(m)) for m in mantissas], np.int16), shifts


def int32_bias(bias: Array) -> Array:
    """A bias as the accumulators add it; Refusal where it is no int32."""
    if bias.dtype not in (np.int32, np.int64):
        raise Refusal(f"the bias is {bias.dtype}; accepted: int32, int64")
    if bias.min() < INT32_MIN or bias.max() > INT32_MAX:
        raise Refusal("the bias does not fit int32")
    return bias.astype(np.int32)


def int64_bias(bias: Array | None, channels: int) -> Array:
    """A bias of sums of 64 bits, flat; zeros where there is none."""
    if bias is None:
        return np.zeros(channels, np.int64)
    if bias.dtype != np.int64:
        raise Refusal(f"the bias is {bias.dtype}; accepted with int16 activations: int64")
    return bias.reshape(-1)


def require_symmetric(type_: TensorType, what: str) -> None:
    """Refuse int16 values with a zero point other than 0."""
    if type_.dtype is DType.S16 and type_.zero_point != 0:
        raise Refusal(f"{what} is int16 with zero point {type_.zero_point}; accepted: 0")


def require_symmetric_weights(weights: TensorType) -> None:
    """Refuse weights with a zero point other than 0."""
    if weight_offset(weights) != 0:
        raise Refusal(f"the filter has zero point {weights.zero_point}; accepted with int16 activations: 0")


def largest_step(type_: TensorType) -> int:
    """The largest magnitude of a value of this type with its zero point subtracted."""
    low, high = type_.dtype.range
    return max(type_.zero_point - low, high - type_.zero_point)


def require_int32_sums(weights: Array, axes: tuple[int, ...], step: int) -> None:
    """Refuse weights whose sums of products could leave int32, in whatever order they are added.

    Args:
        weights: zero point subtracted.
        axes: dimensions that are summed over.
        step: largest magnitude of what the weights are multiplied with.
    """
    require_int32(int(np.abs(weights).sum(axis=axes, dtype=np.int64).max()) * step)


def require_int32(largest: int) -> None:
    """Refuse accumulators that can grow to `largest`."""
    if largest > INT32_MAX:
        raise Refusal(f"sums can grow to {largest}; accepted: up to {INT32_MAX}, what int32 holds")


def require_int48_sums(weights: Array, axes: tuple[int, ...], step: int, bias: Array) -> None:
    """Refuse weights and biases whose sums could leave what `requantize64` takes; sums are along `axes`."""
    products = int(np.abs(weights.astype(np.int64)).sum(axis=axes).max()) * step
    require_int48(products + max(abs(int(bias.min())), abs(int(bias.max()))))


def require_int48(largest: int) -> None:
    """Refuse sums of 64 bits that can grow to `largest`."""
    if largest > LARGEST_SUM64:
        raise Refusal(f"sums can grow to {largest}; accepted: up to {LARGEST_SUM64}")
