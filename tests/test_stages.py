"""The output stage of fast kernels equals requantization, in Python and in C, where it is not refused."""

from typing import Any

import cffi
import numpy as np
import pytest
from kernel_library import include_folders

from edgeq.build import shared_library
from edgeq.errors import Refusal
from edgeq.fixedpoint import Rounding, requantize, rounding
from edgeq.kernels.stages import make_stages

_SOURCE = """
#include "stage.h"
void run(const int32_t *twice, const int32_t *words, int32_t *results, int32_t count);
void run(const int32_t *twice, const int32_t *words, int32_t *results, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        const int32_t *w = words + i * EDGEQ_STAGE_WORDS;
        results[i] = edgeq_stage(
            twice[i], w[EDGEQ_STAGE_MULTIPLIER], w[EDGEQ_STAGE_ADDEND], w[EDGEQ_STAGE_SHIFT]);
    }
}
"""


def _c_stage(tmp_path: Any, mode: Rounding) -> Any:
    source = tmp_path / "stage.c"
    source.write_text(_SOURCE)
    ffi = cffi.FFI()
    ffi.cdef("void run(const int32_t *, const int32_t *, int32_t *, int32_t);")
    flags = ["-fsanitize=undefined", "-fno-sanitize-recover=all"]
    return ffi, ffi.dlopen(str(shared_library([source], tmp_path / "s.so", include=include_folders(mode), flags=flags)))


@pytest.mark.parametrize("mode", Rounding)
def test_stage_equals_requantize(tmp_path: Any, mode: Rounding) -> None:
    rng = np.random.default_rng(3)
    count = 200_000
    shift = rng.integers(-22, 0, count)
    multiplier = rng.integers(2**30, 2**31, count)
    multiplier[:50] = 0
    if mode is Rounding.FLOAT32:
        multiplier &= ~0x7F  # as much as a float holds
    sums = (rng.standard_normal(count) * 2.0 ** rng.uniform(0, 28, count)).clip(-(2**30) + 1, 2**30 - 1)
    sums = sums.astype(np.int64)
    # Ties: halves of what is left after the high product.
    sums[50:20_000] = ((2 * rng.integers(-100, 100, 19_950) + 1) << -shift[50:20_000]) // 2
    multiplier[50:20_000] = 2**30
    ffi, library = _c_stage(tmp_path, mode)
    for offset in (-128, 0, 127):
        with rounding(mode):
            stages = make_stages(np.zeros(count), multiplier, shift, offset, np.full(count, 2**30 - 1))
            wanted = requantize(sums, multiplier, shift, offset, -(2**31), 2**31 - 1)
        results = np.zeros(count, np.int32)
        twice, words = (2 * sums).astype(np.int32), np.ascontiguousarray(stages.words)
        library.run(*(ffi.cast("int32_t *", a.ctypes.data) for a in (twice, words, results)), count)
        np.testing.assert_array_equal(results, wanted)


def test_scales_of_a_half_and_more_where_negative_sums_are_clamped(tmp_path: Any) -> None:
    """Each sum that is not clamped, and more, for scales from 1/2 to below 1."""
    sums = np.tile(np.arange(-600, 600), 200)
    multiplier = np.random.default_rng(4).integers(2**30, 2**31, 200)
    multiplier[:3] = 2**30, 2**30 + 1, 2**31 - 1
    multiplier, shift = np.repeat(multiplier, 1200), np.zeros(sums.size, np.int64)
    sums = np.concatenate([sums, [2**30 - 1, 1 - 2**30]])
    multiplier, shift = np.append(multiplier, [2**31 - 1] * 2), np.append(shift, [0, 0])
    stages = make_stages(np.zeros(sums.size), multiplier, shift, -128, np.full(sums.size, 2**30 - 1))
    results = np.zeros(sums.size, np.int32)
    twice, words = (2 * sums).astype(np.int32), np.ascontiguousarray(stages.words)
    ffi, library = _c_stage(tmp_path, Rounding.DOUBLE)
    library.run(*(ffi.cast("int32_t *", a.ctypes.data) for a in (twice, words, results)), sums.size)
    np.testing.assert_array_equal(results.clip(-128, 127), requantize(sums, multiplier, shift, -128, -128, 127))


def test_channels_that_are_always_zero() -> None:
    stages = make_stages(np.array([5]), np.array([2**30]), np.array([-31]), -7, np.array([1000]))
    assert stages.words.tolist() == [[0, 1 - 14, 1]]
    assert stages.bias.tolist() == [[10]]


@pytest.mark.parametrize(
    ("bias", "shift", "offset", "mode", "reason"),
    [
        (2**30, -5, 0, Rounding.DOUBLE, "sums can grow to"),
        (0, 0, -127, Rounding.DOUBLE, "2\\^-1 or more; accepted: by less than 2\\^-1"),
        (0, 0, -128, Rounding.SINGLE, "2\\^-1 or more; accepted: by less than 2\\^-1"),
        (0, 1, -128, Rounding.DOUBLE, "2\\^0 or more; accepted: by less than 2\\^0"),
        (2**28, -23, 0, Rounding.DOUBLE, "accepted: from 2\\^-23"),
    ],
)
def test_refusals(bias: int, shift: int, offset: int, mode: Rounding, reason: str) -> None:
    with rounding(mode), pytest.raises(Refusal, match=reason):
        make_stages(np.array([bias]), np.array([2**31 - 1]), np.array([shift]), offset, np.array([2**29]))
