"""Requantization: Python = C = the formula in integers of any size, for every shift and both ways of rounding."""

from pathlib import Path
from typing import Any

import cffi
import numpy as np
import pytest
from kernel_library import include_folders

from edgeq.build import shared_library
from edgeq.fixedpoint import (
    LARGEST_SHIFT64,
    LARGEST_SUM64,
    Rounding,
    multiply_by_quantized_multiplier,
    reduce_multiplier,
    requantize64,
    rounding,
    wrap_int32,
)

_SHIFTS = np.arange(-31, 31)


def _operands() -> tuple[Any, Any, Any]:
    """Accumulators and mantissas at their extremes and between them, with every shift."""
    rng = np.random.default_rng(1)
    edges = [0, 1, -1, 2**31 - 1, -(2**31), -(2**31) + 1, 2**30, -(2**30), 3, -3]
    x = np.array([*edges, *rng.integers(-(2**31), 2**31, 40), *rng.integers(-300, 300, 40)])
    multiplier = np.array([0, 2**30, 2**30 + 1, 2**31 - 1, *rng.integers(2**30, 2**31, 20)])
    grid = np.meshgrid(x, multiplier, _SHIFTS, indexing="ij")
    return grid[0].reshape(-1), grid[1].reshape(-1), grid[2].reshape(-1)


def _wrapped(x: int) -> int:
    return (x + 2**31) % 2**32 - 2**31


def test_one_rounding_is_the_rounded_product() -> None:
    x, multiplier, shift = _operands()
    with rounding(Rounding.SINGLE):
        found = multiply_by_quantized_multiplier(x, multiplier, shift)
    pairs = zip(x.tolist(), multiplier.tolist(), shift.tolist(), strict=True)
    assert found.tolist() == [_wrapped((a * m + 2 ** (30 - s)) >> (31 - s)) for a, m, s in pairs]


def test_one_rounding_of_what_is_far_below_a_step_is_zero() -> None:
    with rounding(Rounding.SINGLE):
        assert multiply_by_quantized_multiplier([2**31 - 1, -(2**31)], 2**31 - 1, [[-32], [-33], [-60]]).any() == 0


def test_the_rounding_in_force_ends_with_its_block() -> None:
    half_way = -(2**30), 2**30, -30  # -1/2: up is 0, away from zero is -1
    before = multiply_by_quantized_multiplier(-3, 2**30, 0)
    with rounding(Rounding.SINGLE):
        assert multiply_by_quantized_multiplier(*half_way) == 0
        with rounding(Rounding.DOUBLE):
            assert multiply_by_quantized_multiplier(*half_way) == -1
        assert multiply_by_quantized_multiplier(*half_way) == 0
    assert multiply_by_quantized_multiplier(-3, 2**30, 0) == before


def _operands64() -> tuple[Any, Any, Any]:
    """Sums of 64 bits and mantissas in Q15 likewise."""
    rng = np.random.default_rng(2)
    edges = [0, 1, -1, LARGEST_SUM64, -LARGEST_SUM64, 2**31, -(2**31), 3, -3]
    x = np.array([*edges, *rng.integers(-LARGEST_SUM64, LARGEST_SUM64, 40), *rng.integers(-(2**20), 2**20, 40)])
    multiplier = np.array([0, 2**14, 2**14 + 1, 2**15 - 1, *rng.integers(2**14, 2**15, 20)])
    grid = np.meshgrid(x, multiplier, np.arange(-31, LARGEST_SHIFT64 + 1), indexing="ij")
    return grid[0].reshape(-1), grid[1].reshape(-1), grid[2].reshape(-1)


_INT32 = -(2**31), 2**31 - 1


@pytest.mark.parametrize("mode", Rounding)
def test_sums_of_64_bits_are_rounded_once(mode: Rounding) -> None:
    x, multiplier, shift = _operands64()
    with rounding(mode):
        found = requantize64(x, multiplier, shift, 0, *_INT32)
    pairs = zip(x.tolist(), multiplier.tolist(), shift.tolist(), strict=True)
    assert found.tolist() == [_wrapped((a * m + 2 ** (14 - s)) >> (15 - s)) for a, m, s in pairs]


def test_mantissas_are_rounded_to_15_bits() -> None:
    mantissas = [0, 2**30, 2**30 + 2**15 - 1, 2**30 + 2**15, 0x7FFF0000 - 1, 0x7FFF0000, 2**31 - 1]
    assert [reduce_multiplier(m) for m in mantissas] == [0, 2**14, 2**14, 2**14 + 1, 0x7FFF, 0x7FFF, 0x7FFF]


_C = """
#include "fixedpoint.h"
void requantize(const int32_t *x, const int32_t *multiplier, const int32_t *shift, int32_t *y, int32_t n);
void requantize64(const int64_t *x, const int32_t *multiplier, const int32_t *shift, int32_t *y, int32_t n);
void requantize(const int32_t *x, const int32_t *multiplier, const int32_t *shift, int32_t *y, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        y[i] = edgeq_requantize(x[i], multiplier[i], shift[i]);
    }
}
void requantize64(const int64_t *x, const int32_t *multiplier, const int32_t *shift, int32_t *y, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        y[i] = edgeq_output_stage64(x[i], multiplier[i], shift[i], 0, INT32_MIN, INT32_MAX);
    }
}
"""


@pytest.mark.parametrize("mode", Rounding)
def test_c_requantizes_as_python_does(mode: Rounding, tmp_path: Path) -> None:
    source = tmp_path / "requantize.c"
    source.write_text(_C)
    flags = ["-fsanitize=undefined", "-fno-sanitize-recover=all"]
    path = shared_library([source], tmp_path / "requantize.so", include=include_folders(mode), flags=flags)
    ffi = cffi.FFI()
    ffi.cdef("void requantize(const int32_t *, const int32_t *, const int32_t *, int32_t *, int32_t);")
    ffi.cdef("void requantize64(const int64_t *, const int32_t *, const int32_t *, int32_t *, int32_t);")
    library = ffi.dlopen(str(path))

    def call(function: Any, bits: int, operands: tuple[Any, Any, Any]) -> Any:
        x, multiplier, shift = operands[0].astype(f"int{bits}"), *(a.astype(np.int32) for a in operands[1:])
        found = np.empty(len(x), np.int32)
        types = [f"int{bits}_t *", *["int32_t *"] * 3]
        pointers = [ffi.cast(t, a.ctypes.data) for t, a in zip(types, (x, multiplier, shift, found), strict=True)]
        function(*pointers, len(found))
        return found

    with rounding(mode):
        expected = multiply_by_quantized_multiplier(*_operands())
    np.testing.assert_array_equal(call(library.requantize, 32, _operands()), wrap_int32(expected))
    expected = requantize64(*_operands64(), 0, *_INT32)
    np.testing.assert_array_equal(call(library.requantize64, 64, _operands64()), expected)
