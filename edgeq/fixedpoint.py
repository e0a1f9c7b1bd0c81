"""Integer arithmetic: twin of `runtime_c/src/fixedpoint.h` and `runtime_c/rounding/`, bit for bit.

Everything works on NumPy int64 arrays (or ints) that hold int32 values, so that products cannot overflow before
they are rounded. The formulas are gemmlowp's (`fixedpoint/fixedpoint.h`), as TensorFlow Lite Micro uses them.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Int64Array = NDArray[np.int64]

INT32_MIN = -(2**31)
INT32_MAX = 2**31 - 1


class Rounding(Enum):
    """How often requantization rounds.

    Attributes:
        DOUBLE: after the product and after the right shift, as gemmlowp and TensorFlow Lite Micro do.
        SINGLE: once, halves up, as CMSIS-NN does with `CMSIS_NN_USE_SINGLE_ROUNDING` and TFLite with
            `TFLITE_SINGLE_ROUNDING`.
        FLOAT32: sums of products as the float32 arithmetic of ONNX Runtime does, bit for bit; the rest once.
    """

    DOUBLE = "double"
    SINGLE = "single"
    FLOAT32 = "float32"


_ROUNDING = ContextVar("rounding", default=Rounding.DOUBLE)


@contextmanager
def rounding(mode: Rounding) -> Iterator[None]:
    """Let requantization round so within the block: part of the environment of an evaluation, as C's `fenv` is."""
    before = _ROUNDING.set(mode)
    try:
        yield
    finally:
        _ROUNDING.reset(before)


def current_rounding() -> Rounding:
    """How requantization rounds here."""
    return _ROUNDING.get()


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
    """Requantize: `x * multiplier * 2**(shift - 31)`, rounded as the `rounding` in force says.

    Args:
        x: int32 accumulators.
        multiplier: Q31 mantissa, scalar or broadcastable.
        shift: power of two, up to 30.
    """
    product = _ROUNDED_PRODUCT[_ROUNDING.get()]
    return product(np.asarray(x, np.int64), np.asarray(multiplier, np.int64), np.asarray(shift, np.int64))


def _double_rounding(x: Int64Array, multiplier: Int64Array, shift: Int64Array) -> Int64Array:
    """Positive shifts left before the product, negative right after it.

    Source: TFLite `MultiplyByQuantizedMultiplier`. The left shift wraps modulo 2**32 as it does in C; a model for
    which it wraps saturates there as well.
    """
    left = np.maximum(shift, 0)
    right = np.maximum(-shift, 0)
    shifted = wrap_int32(x << left)
    return rounding_divide_by_pot(saturating_rounding_doubling_high_mul(shifted, multiplier), right)


def _single_rounding(x: Int64Array, multiplier: Int64Array, shift: Int64Array) -> Int64Array:
    """The whole product, shifted right once; what does not fit int32 wraps.

    Source: TFLite `MultiplyByQuantizedMultiplier` with `TFLITE_SINGLE_ROUNDING`, CMSIS-NN `arm_nn_requantize`.
    """
    right = np.minimum(31 - shift, 63)  # the product is below 2**62, and nothing is left of it from there on
    return wrap_int32((x * multiplier + (np.int64(1) << (right - 1))) >> right)


_ROUNDED_PRODUCT = {
    Rounding.DOUBLE: _double_rounding,
    Rounding.SINGLE: _single_rounding,
    Rounding.FLOAT32: _single_rounding,
}


def _float32_product(x: Int64Array, multiplier: Int64Array, shift: Int64Array) -> Int64Array:
    """`float32(x) * float32(multiplier * 2**(shift - 31))`, rounded half to even; beyond int32 it saturates.

    Source: ONNX Runtime `MlasRequantizeOutput`. Where the multiplier has 24 significant bits, as that of a layer has,
    both factors are floats; one with more is taken as it is. The product of both fits int64 and is rounded to a float
    once.
    """
    product = x.astype(np.float32).astype(np.int64) * multiplier
    rounded = np.rint(np.ldexp(product.astype(np.float32), (shift - 31).astype(np.int32)))
    return np.clip(rounded.astype(np.float64), -INT32_MAX, INT32_MAX).astype(np.int64)


def _requantize_sum(x: Int64Array, multiplier: Any, shift: Any) -> Int64Array:
    if _ROUNDING.get() is Rounding.FLOAT32:
        return _float32_product(x, np.asarray(multiplier, np.int64), np.asarray(shift, np.int64))
    return multiply_by_quantized_multiplier(x, multiplier, shift)


def saturating_left_shift(x: Any, exponent: Any) -> Int64Array:
    """`x * 2**exponent` saturated to int32. Source: gemmlowp `SaturatingRoundingMultiplyByPOT`, positive exponent."""
    shifted: Int64Array = np.asarray(x, np.int64) << exponent
    return np.clip(shifted, INT32_MIN, INT32_MAX)


def requantize(acc: Any, multiplier: Any, shift: Any, offset: int, low: int, high: int) -> Int64Array:
    """The output stage of every accumulating op: wrap to int32, scale, add the zero point, clamp."""
    return np.clip(_requantize_sum(wrap_int32(acc), multiplier, shift) + offset, low, high)


def requantize_fraction(x: Any, multiplier: Any, shift: Any, offset: int, low: int, high: int) -> Int64Array:
    """`requantize` for fixed-point fractions, which are no sums of products: FLOAT32 does not round them as floats."""
    return np.clip(multiply_by_quantized_multiplier(wrap_int32(x), multiplier, shift) + offset, low, high)


LARGEST_SUM64 = 2**47 - 1
"""The largest magnitude of a sum that `requantize64` takes: its product with a multiplier stays below 2**62."""

LARGEST_SHIFT64 = 7
"""The largest shift that `requantize64` takes."""


def reduce_multiplier(mantissa: int) -> int:
    """A Q31 mantissa in Q15, as sums of 64 bits are multiplied with.

    Source: TFLite `MultiplyByQuantizedMultiplier(int64_t, ...)`.
    """
    return min((mantissa + (1 << 15)) >> 16, 0x7FFF)


def requantize64(acc: Any, multiplier: Any, shift: Any, offset: int, low: int, high: int) -> Int64Array:
    """The output stage of sums that need more than 32 bits: one rounding, halves up, whatever `rounding` says.

    Source: TFLite `MultiplyByQuantizedMultiplier(int64_t, ...)`. What does not fit int32 wraps.

    Args:
        acc: sums up to `LARGEST_SUM64`.
        multiplier: Q15 mantissa, scalar or broadcastable.
        shift: power of two in [-31, `LARGEST_SHIFT64`].
        offset: zero point of the output.
        low: smallest output.
        high: largest output.
    """
    right = 15 - np.asarray(shift, np.int64)
    product = np.asarray(acc, np.int64) * np.asarray(multiplier, np.int64)
    scaled = wrap_int32((product + (np.int64(1) << (right - 1))) >> right)
    return np.clip(scaled + offset, low, high)
