"""Integer arithmetic of the `tflm` contract: twin of `runtime_c/src/fixedpoint.h`, bit for bit.

Everything works on NumPy int64 arrays (or ints) that hold int32 values, so that products cannot overflow before
they are rounded. The formulas are gemmlowp's (`fixedpoint/fixedpoint.h`), as TensorFlow Lite Micro uses them.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Int64Array = NDArray[np.int64]

INT32_MIN = -(2**31)
INT32_MAX = 2**31 - 1


def quantize_multiplier(real: float) -> tuple[int, int]:
    """Split a real factor into a Q31 mantissa and a power of two: `real ~ mantissa * 2**(shift - 31)`.

    Source: TFLite `QuantizeMultiplier` (kernels/internal/quantization_util.cc).

    Returns:
        `(mantissa, shift)` with mantissa in [2**30, 2**31) or 0, shift in [-31, 30].
    """
    if real == 0.0:
        return 0, 0
    fraction, shift = math.frexp(real)
    mantissa = round_half_away(fraction * 2.0**31)
    if mantissa == 2**31:
        mantissa //= 2
        shift += 1
    if shift < -31:  # less than half a step whatever the accumulator: rounds to nothing
        return 0, 0
    if shift > 30:  # saturates whatever the accumulator
        return INT32_MAX, 30
    return mantissa, shift


def round_half_away(value: float) -> int:
    """Round to the nearest integer, halves away from zero, as C's `round`."""
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def wrap_int32(x: Any) -> Int64Array:
    """Reduce modulo 2**32 to the int32 range: what a C int32 accumulator holds."""
    return np.asarray(x, np.int64).astype(np.uint32).astype(np.int32).astype(np.int64)


def saturating_rounding_doubling_high_mul(a: Any, b: Any) -> Int64Array:
    """`a * b * 2 / 2**32` rounded to nearest, halves up; INT32_MIN squared saturates. Source: gemmlowp."""
    product = np.asarray(a, np.int64) * np.asarray(b, np.int64)
    return np.asarray(np.minimum((product + (1 << 30)) >> 31, INT32_MAX))


def rounding_divide_by_pot(x: Any, exponent: Any) -> Int64Array:
    """`x / 2**exponent` rounded half away from zero. Source: gemmlowp `RoundingDivideByPOT`."""
    x = np.asarray(x, np.int64)
    exponent = np.asarray(exponent, np.int64)
    mask = (np.int64(1) << exponent) - 1
    remainder = x & mask
    threshold = (mask >> 1) + (x < 0)
    return np.asarray((x >> exponent) + (remainder > threshold))


def multiply_by_quantized_multiplier(x: Any, multiplier: Any, shift: Any) -> Int64Array:
    """Requantize: `x * multiplier * 2**(shift - 31)` with gemmlowp's two roundings.

    Source: TFLite `MultiplyByQuantizedMultiplier` (double rounding). The left shift wraps modulo 2**32 as it does
    in C; a model for which it wraps saturates there as well.

    Args:
        x: int32 accumulators.
        multiplier: Q31 mantissa, scalar or broadcastable.
        shift: power of two, positive shifts left before the product, negative right after it.
    """
    shift = np.asarray(shift, np.int64)
    left = np.maximum(shift, 0)
    right = np.maximum(-shift, 0)
    shifted = wrap_int32(np.asarray(x, np.int64) << left)
    return rounding_divide_by_pot(saturating_rounding_doubling_high_mul(shifted, multiplier), right)


def saturating_left_shift(x: Any, exponent: Any) -> Int64Array:
    """`x * 2**exponent` saturated to int32. Source: gemmlowp `SaturatingRoundingMultiplyByPOT`, positive exponent."""
    shifted: Int64Array = np.asarray(x, np.int64) << exponent
    return np.clip(shifted, INT32_MIN, INT32_MAX)


def requantize(acc: Any, multiplier: Any, shift: Any, offset: int, low: int, high: int) -> Int64Array:
    """The output stage of every accumulating op: wrap to int32, scale, add the zero point, clamp."""
    scaled = multiply_by_quantized_multiplier(wrap_int32(acc), multiplier, shift)
    return np.clip(scaled + offset, low, high)
