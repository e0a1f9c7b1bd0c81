"""Pairs of weights for cores without SIMD: which are exact, and that those that are not are refused, and only those."""

import itertools
from dataclasses import dataclass
from typing import Any

import cffi
import kernel_library
import numpy as np
import pytest
from kernel_cases import machine_for
from single_layers import Scales, layer

from edgeq.build import shared_library
from edgeq.evaluate import evaluate, lower_node
from edgeq.fixedpoint import Rounding
from edgeq.ir import Graph
from edgeq.kernels import KERNELS
from edgeq.ops.conv2d import Conv2dAttrs, DepthwiseConv2dAttrs
from edgeq.ops.dense import DenseAttrs
from edgeq.program import build_program

_EXACT = """
#include "isa/pair_columns.h"
void find_inexact(const int8_t *inputs, int32_t count, int8_t *found);
static int32_t is_dot(int32_t a, int32_t b, int32_t of_a, int32_t of_b)
{
    return edgeq_pair_dot(edgeq_pair(a, b), edgeq_pair(of_b, of_a)) == a * of_a + b * of_b;
}
static int32_t are_sums(int32_t a, int32_t b, int32_t of_a, int32_t of_b)
{
    struct edgeq_pair_sums sums = {0, 0};
    edgeq_add_products(&sums,
        edgeq_scaled_pair(edgeq_pair(a, b), of_a) + edgeq_scaled_pair(edgeq_pair(b, a), of_b));
    int32_t first = (int32_t)(sums.both - ((uint32_t)sums.second << 16));
    return first == a * of_a + b * of_b && sums.second == b * of_a + a * of_b;
}
void find_inexact(const int8_t *inputs, int32_t count, int8_t *found)
{
    for (int32_t i = 0; i < 65536; i++) {
        for (int32_t k = 0; k < count * count; k++) {
            int32_t a = inputs[k / count];
            int32_t b = inputs[k % count];
            int32_t of_a = i / 256 - 128;
            int32_t of_b = i % 256 - 128;
            found[i] = (int8_t)(found[i] | !is_dot(a, b, of_a, of_b) | 2 * !are_sums(a, b, of_a, of_b));
        }
    }
}
"""


def test_pairs_are_exact_unless_both_weights_are_least(tmp_path: Any) -> None:
    """All weights; sums are linear in either input, and so largest and least at the ends of its range."""
    (tmp_path / "exact.c").write_text(_EXACT)
    include = kernel_library.include_folders(Rounding.DOUBLE)
    library = shared_library([tmp_path / "exact.c"], tmp_path / "exact.so", include=include)
    ffi = cffi.FFI()
    ffi.cdef("void find_inexact(const int8_t *, int32_t, int8_t *);")
    inputs, found = np.array([-128, -127, -1, 0, 1, 127], np.int8), np.zeros(65536, np.int8)
    pointers = [ffi.cast("int8_t *", a.ctypes.data) for a in (inputs, found)]
    ffi.dlopen(str(library)).find_inexact(pointers[0], len(inputs), pointers[1])
    assert np.flatnonzero(found).tolist() == [0]
    assert found[0] == 3


@dataclass(frozen=True)
class _Shape:
    """A layer with any number of outputs; the input of a depthwise convolution has as many channels."""

    kernel: str
    image: tuple[int, int]
    window: tuple[int, int]
    channels: int = 1

    @property
    def taps(self) -> int:
        return self.window[0] * self.window[1] * self.channels

    def graph(self, filters: Any) -> Graph:
        """With filters `[outputs, taps]`."""
        outputs, scales = len(filters), Scales(y=0.2)
        if "dense" in self.kernel:
            return layer("dense", DenseAttrs(), (1, self.taps), filters, (1, outputs), None, scales)
        y = (1, *(size - k + 1 for size, k in zip(self.image, self.window, strict=True)), outputs)
        if "depthwise" in self.kernel:
            x, weights = (1, *self.image, outputs), filters.T.reshape(1, *self.window, outputs)
            return layer("depthwise_conv2d", DepthwiseConv2dAttrs(), x, weights, y, None, scales)
        x, weights = (1, *self.image, self.channels), filters.reshape(outputs, *self.window, self.channels)
        return layer("conv2d", Conv2dAttrs(), x, weights, y, None, scales)


_SHAPES = (
    _Shape("edgeq_conv2d_s8__swar", (1, 3), (1, 1), 11),
    _Shape("edgeq_conv2d_s8__swar", (4, 4), (2, 3), 2),
    _Shape("edgeq_conv2d_few_s8__swar", (4, 5), (3, 3), 1),
    _Shape("edgeq_conv2d_few_s8__swar", (4, 4), (2, 2), 3),
    _Shape("edgeq_dense_s8__swar", (1, 1), (1, 1), 14),
    _Shape("edgeq_depthwise_conv2d_s8__swar", (7, 6), (3, 3)),
    _Shape("edgeq_depthwise_conv2d_s8__swar", (30, 3), (4, 3)),
    _Shape("edgeq_depthwise_conv2d_s8__swar", (4, 30), (4, 3)),
)


@pytest.mark.parametrize("shape", _SHAPES, ids=lambda s: f"{s.kernel}-{s.window}-{s.image}")
def test_just_the_pairs_that_meet_are_refused(monkeypatch: pytest.MonkeyPatch, shape: _Shape) -> None:
    """Each output has two weights that are -128; those that meet make wrong sums of inputs that are -128."""
    (kernel,) = (k for k in KERNELS if k.name == shape.kernel)
    places = np.array(list(itertools.combinations(range(shape.taps), 2)))
    filters = np.full((len(places), shape.taps), 1)
    np.put_along_axis(filters, places, -128, axis=1)
    lowered = [lower_node(graph, graph.nodes[0]) for graph in (shape.graph(f[None]) for f in filters)]
    refusals = [kernel.refuses(params) for params in lowered]
    monkeypatch.setattr("edgeq.kernels.swar_weights._LEAST", -129)
    graph = shape.graph(filters)
    program = build_program(graph, "net", machine=machine_for(kernel))
    assert program.kernels == (kernel,)
    x = np.full(graph.types["x"].shape, -128, np.int8)
    (found,) = kernel_library.run(program, [x])
    wrong = (found != evaluate(graph, [x])["y"]).reshape(-1, len(filters)).any(axis=0)
    assert [r is not None for r in refusals] == wrong.tolist()
    assert set(refusals) == {None, "two weights that meet in a word are -128; accepted: one of them"}
