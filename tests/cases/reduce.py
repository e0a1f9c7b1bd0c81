"""Reductions: any axes of ranks up to 5, negative and repeated ones, with and without the reduced dimensions."""

import math
from typing import Any

import numpy as np
from hypothesis import strategies as st
from tflite_writer import TfliteWriter

from cases.case import Case, random_s8, scales, seeds, zero_points


@st.composite
def _shapes_and_axes(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...]]:
    rank = draw(st.integers(1, 5))
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=rank, max_size=rank)))
    if rank == 4 and draw(st.booleans()):  # what most models have: the mean over height and width
        return shape, (1, 2)
    return shape, tuple(draw(st.lists(st.integers(-rank, rank - 1), min_size=1, max_size=rank)))


def _reduced(shape: tuple[int, ...], axes: tuple[int, ...], keep_dims: bool) -> list[int]:
    reduced = {axis % len(shape) for axis in axes}
    kept = [1 if axis in reduced else size for axis, size in enumerate(shape)]
    return kept if keep_dims else [size for axis, size in enumerate(kept) if axis not in reduced]


def _model(draw: st.DrawFn, name: str, shape: Any, axes: Any, quants: Any) -> Case:
    keep_dims = draw(st.booleans())
    m = TfliteWriter()
    (x_scale, x_zero), (y_scale, y_zero) = quants
    x = m.tensor(shape, scale=x_scale, zero_point=x_zero)
    y = m.tensor(_reduced(shape, axes, keep_dims), scale=y_scale, zero_point=y_zero)
    m.operator(name, [x, m.constant(np.array(axes, np.int32))], [y], "ReducerOptions", keepDims=keep_dims)
    rng = np.random.default_rng(draw(seeds))
    return Case(m.build([x], [y]), (random_s8(rng, shape),))


@st.composite
def mean_or_sum(draw: st.DrawFn, name: str) -> Case:
    shape, axes = draw(_shapes_and_axes())
    count = math.prod(shape[a] for a in {axis % len(shape) for axis in axes})
    x_scale, x_zero = draw(scales), draw(zero_points)
    if draw(st.booleans()):
        return _model(draw, name, shape, axes, [(x_scale, x_zero)] * 2)
    # Means are about 74 / sqrt(count) steps around the mean of the input, sums as many times as large.
    factor = draw(st.floats(0.2, 2.0)) * (math.sqrt(count) if name == "SUM" else 1 / math.sqrt(count))
    if draw(st.integers(0, 4)) == 0:  # outputs that are all zero, or all saturated
        factor = draw(st.integers(-12, 33).map(lambda n: 1.5 * 2.0**n))
    y_zero = x_zero if name == "MEAN" and draw(st.booleans()) else draw(zero_points)
    return _model(draw, name, shape, axes, [(x_scale, x_zero), (x_scale * factor, y_zero)])


@st.composite
def max_or_min(draw: st.DrawFn, name: str) -> Case:
    shape, axes = draw(_shapes_and_axes())
    return _model(draw, name, shape, axes, [(draw(scales), draw(zero_points))] * 2)


CASES = {
    "MEAN": mean_or_sum("MEAN"),
    "REDUCE_MAX": max_or_min("REDUCE_MAX"),
    "REDUCE_MIN": max_or_min("REDUCE_MIN"),
    "SUM": mean_or_sum("SUM"),
}
