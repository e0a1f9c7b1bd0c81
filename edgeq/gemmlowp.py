"""Transcendental functions of gemmlowp in fixed point: twin of what TensorFlow Lite Micro computes, bit for bit.

A value in Q`n` is an int32 that stands for `raw * 2**(n - 31)`: n integer bits, the rest fraction. Everything works
on NumPy int64 arrays that hold such int32 values. Source of the formulas, where no other is named: gemmlowp
`fixedpoint/fixedpoint.h`.
"""

from typing import Any

import numpy as np

from edgeq.fixedpoint import (
    INT32_MAX,
    Int64Array,
    rounding_divide_by_pot,
    saturating_left_shift,
    saturating_rounding_doubling_high_mul,
)

_EXP_MINUS_EIGHTH = 1895147668  # exp(-1/8) in Q0
_ONE_THIRD = 715827883  # in Q0
# exp(-2**k) in Q0 for k = -2 .. 4.
_EXP_MINUS_POWERS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)

# Newton-Raphson's first guess for 1/d with d in [1/2, 1] is 48/17 - 32/17 * d; both in Q2.
_48_17THS = 1515870810
_32_17THS = 1010580540
_ONE_Q2 = 1 << 29


def exp_on_negative_values(x: Any, integer_bits: int) -> Int64Array:
    """`exp(x)` in Q0 for x <= 0 in Q`integer_bits`: the last quarter by its series, the rest bit by bit.

    Args:
        x: int32 values, none above 0.
        integer_bits: 2 to 5, as the shifts of the bits of x need.
    """
    x = np.asarray(x, np.int64)
    fraction_bits = 31 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    last = (x & (quarter - 1)) - quarter
    result = _exp_on_last_quarter(saturating_left_shift(last, integer_bits))
    remainder = last - x
    for power, factor in zip(range(-2, integer_bits), _EXP_MINUS_POWERS, strict=False):
        bit = remainder & (1 << (fraction_bits + power))
        result = np.where(bit, saturating_rounding_doubling_high_mul(result, factor), result)
    return np.where(x == 0, INT32_MAX, result)


def _exp_on_last_quarter(x: Int64Array) -> Int64Array:
    """`exp(x)` for x in [-1/4, 0), both in Q0: the series of degree 4 around -1/8."""
    x = x + (1 << 28)
    x2 = saturating_rounding_doubling_high_mul(x, x)
    x3 = saturating_rounding_doubling_high_mul(x2, x)
    x4 = saturating_rounding_doubling_high_mul(x2, x2)
    cubic = rounding_divide_by_pot(x4, 2) + x3
    higher = rounding_divide_by_pot(saturating_rounding_doubling_high_mul(cubic, _ONE_THIRD) + x2, 1)
    return _EXP_MINUS_EIGHTH + saturating_rounding_doubling_high_mul(_EXP_MINUS_EIGHTH, x + higher)


def one_over_one_plus_x_for_x_in_0_1(x: Any) -> Int64Array:
    """`1 / (1 + x)` for x in [0, 1], both in Q0."""
    # The quotient is half of 1 / ((1 + x) / 2): the same bits in Q1.
    return saturating_left_shift(_reciprocal_of_half_denominator(x), 1)


def one_minus_x_over_one_plus_x_for_x_in_0_1(x: Any) -> Int64Array:
    """`(1 - x) / (1 + x)` for x in [0, 1], both in Q0."""
    return saturating_left_shift(_reciprocal_of_half_denominator(x) - _ONE_Q2, 2)


def _reciprocal_of_half_denominator(x: Any) -> Int64Array:
    """`2 / (1 + x)` in Q2 for x in [0, 1] in Q0: three steps of Newton-Raphson division."""
    half = (np.asarray(x, np.int64) + INT32_MAX + 1) >> 1
    guess = _48_17THS + saturating_rounding_doubling_high_mul(half, -_32_17THS)
    for _ in range(3):
        error = _ONE_Q2 - saturating_rounding_doubling_high_mul(half, guess)
        correction = saturating_rounding_doubling_high_mul(guess, error)
        guess = guess + saturating_left_shift(correction, 2)
    return guess


def logistic(x: Any, integer_bits: int) -> Int64Array:
    """`1 / (1 + exp(-x))` in Q0 for x in Q`integer_bits`."""
    x = np.asarray(x, np.int64)
    positive = one_over_one_plus_x_for_x_in_0_1(exp_on_negative_values(-np.abs(x), integer_bits))
    return np.where(x == 0, 1 << 30, np.where(x > 0, positive, INT32_MAX - positive))


def tanh(x: Any, integer_bits: int) -> Int64Array:
    """`tanh(x)` in Q0 for x in Q`integer_bits`."""
    x = np.asarray(x, np.int64)
    # Twice x has the same bits with one integer bit more.
    absolute = one_minus_x_over_one_plus_x_for_x_in_0_1(exp_on_negative_values(-np.abs(x), integer_bits + 1))
    return np.where(x < 0, -absolute, np.where(x == 0, 0, absolute))


def leading_zeros(x: Any) -> Int64Array:
    """Zero bits above the highest one of a positive int32."""
    return 32 - np.frexp(np.asarray(x, np.float64))[1].astype(np.int64)


def reciprocal(x: Any, integer_bits: int) -> tuple[Int64Array, Int64Array]:
    """`1 / x` for x > 0 in Q`integer_bits`.

    Source: TFLite `GetReciprocal` (kernels/internal/common.h).

    Returns:
        `(r, bits)` with `1 / x ~ r * 2**(-31 - bits)`.
    """
    x = np.asarray(x, np.int64)
    zeros = leading_zeros(x)
    return one_over_one_plus_x_for_x_in_0_1((x << zeros) - (1 << 31)), integer_bits - zeros


_THREE_HALVES_Q3 = (1 << 28) + (1 << 27)


def inverse_square_root(x: Any) -> tuple[Int64Array, Int64Array]:
    """`1 / sqrt(x)` for x >= 1; 0 counts as 1. Five steps of Newton-Raphson from 1, for x scaled to [1/4, 1) in Q3.

    Source: TFLite `GetInvSqrtQuantizedMultiplierExp` (kernels/internal/common.h).

    Returns:
        `(r, shift)` with `1 / sqrt(x) ~ r * 2**(-31 - shift)`.
    """
    x = np.asarray(x, np.int64)
    high_mul = saturating_rounding_doubling_high_mul
    large = x >= 1 << 29
    scaled = np.where(large, x >> 2, np.maximum(x, 1))
    pairs = (leading_zeros(scaled) - 1) // 2 - 1
    scaled = (scaled << (2 * pairs)) >> 1
    half = rounding_divide_by_pot(scaled, 1)
    root = np.full_like(scaled, 1 << 28)
    for _ in range(5):
        cube = saturating_left_shift(high_mul(high_mul(root, root), root), 6)
        root = saturating_left_shift(high_mul(_THREE_HALVES_Q3, root) - high_mul(half, cube), 3)
    shift = 11 + large - pairs
    result = high_mul(root, _SQRT_HALF) << np.maximum(-shift, 0)
    return np.where(x <= 1, INT32_MAX, result), np.where(x <= 1, 0, np.maximum(shift, 0))


_LOG_2 = 1488522236  # all in Q0
_SQRT_HALF = 1518500250
_FOURTH_ROOT_OF_HALF = 1805811301
_QUARTER_Q6 = 1 << 23
# Coefficients of the quotient of polynomials that approximates log around the fourth root of 1/2.
_LOG_NUMERATOR = 117049297
_LOG_DENOMINATOR = 127690142
_LOG_CONSTANT = 1057819769
_LOG_FACTOR = 638450708


def log_x_for_x_greater_than_or_equal_to_1(x: Any) -> Int64Array:
    """`log(x)` in Q5 for x >= 1 in Q12.

    x is split into a power of two and a mantissa near the fourth root of 1/2 in two ways, the second with x divided
    by the root of 2; the smaller mantissa and the larger power count.

    Source: TFLite `log_x_for_x_greater_than_or_equal_to_1_impl` (kernels/internal/common.h).
    """
    x = np.asarray(x, np.int64)
    high_mul = saturating_rounding_doubling_high_mul
    zeros = leading_zeros(x)
    mantissa_a = saturating_left_shift(high_mul(saturating_left_shift(x, zeros - 1), _SQRT_HALF), 1)
    power_a = ((12 - zeros) << 25) + _QUARTER_Q6
    zeros_b = leading_zeros(high_mul(x, _SQRT_HALF)) - 1
    mantissa_b = saturating_left_shift(x, zeros_b)
    power_b = ((12 - zeros_b) << 25) - _QUARTER_Q6
    mantissa = np.minimum(mantissa_a, mantissa_b)
    power = np.maximum(power_a, power_b)
    mean = (mantissa + _FOURTH_ROOT_OF_HALF + 1) >> 1
    twice = 2 * (mantissa - _FOURTH_ROOT_OF_HALF)
    square = high_mul(twice, twice)
    numerator = high_mul(twice, mantissa) + high_mul(high_mul(twice, square), _LOG_NUMERATOR)
    quadratic = _LOG_CONSTANT + twice + high_mul(_LOG_DENOMINATOR, square)
    denominator = high_mul(mean, quadratic) + high_mul(_LOG_FACTOR, twice)
    quotient = high_mul(rounding_divide_by_pot(numerator, 6), one_over_one_plus_x_for_x_in_0_1(denominator))
    return saturating_left_shift(high_mul(power, _LOG_2) + quotient, 1)
