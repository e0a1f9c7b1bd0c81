"""Weights of 1 to 4 bits: packing, and the plain kernels that read them packed."""

from itertools import product
from typing import Any

import kernel_library
import numpy as np
import pytest
from single_layers import Scales, layer

from edgeq.evaluate import evaluate
from edgeq.ir import DType, Graph
from edgeq.ir.verify import verify
from edgeq.ops import OPS
from edgeq.ops.conv2d import Conv2dAttrs, DepthwiseConv2dAttrs
from edgeq.ops.dense import DenseAttrs
from edgeq.ops.packing import pack, unpack
from edgeq.program import build_program
from edgeq.select import Machine, Prices

_NARROW = (DType.S4, DType.S3, DType.S2, DType.B1)
_ACTIVATIONS = tuple(product((DType.S8, DType.S16), repeat=2))
_narrow = pytest.mark.parametrize("dtype", _NARROW, ids=lambda d: d.value)


def _integers(rng: np.random.Generator, dtype: DType, shape: tuple[int, ...]) -> Any:
    low, high = dtype.range
    drawn = rng.integers(low, high + 1, shape)
    return np.where(drawn == 0, 1, drawn) if dtype is DType.B1 else drawn


@_narrow
@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 9, 64])
def test_packing_is_undone(dtype: DType, count: int) -> None:
    integers = _integers(np.random.default_rng(count), dtype, (count,))
    packed = pack(integers, dtype.bits)
    assert packed.size == -(-count * dtype.bits // 8)
    np.testing.assert_array_equal(unpack(packed, dtype.bits, count), integers)


def test_the_first_element_is_in_the_lowest_bits() -> None:
    assert pack(np.array([1, -2, 7]), 4).tolist() == [0xE1, 0x07]
    assert pack(np.array([1, -2, 3, -4]), 3).tolist() == [0b11110001, 0b1000]
    assert pack(np.array([1, -2, 0, -1]), 2).tolist() == [0b11001001]
    assert pack(np.array([1, -1, -1, 1, 1]), 1).tolist() == [0b11001]


@_narrow
@pytest.mark.parametrize(("x", "y"), _ACTIVATIONS, ids=lambda d: d.value)
@pytest.mark.parametrize("op", ["conv2d", "depthwise_conv2d", "dense"])
def test_a_layer_equals_its_evaluation(op: str, x: DType, y: DType, dtype: DType) -> None:
    rng = np.random.default_rng(3)
    for _ in range(6):
        graph = _layer(rng, op, (x, dtype, y))
        verify(graph, OPS)
        program = build_program(graph, "net")
        kernel = program.kernels[0]
        assert "_packed_" in kernel.name
        inputs = [rng.integers(*x.range, graph.types["x"].shape, endpoint=True).astype(x.numpy)]
        (found,) = kernel_library.run(program, inputs)
        np.testing.assert_array_equal(found, evaluate(graph, inputs)["y"])


@_narrow
def test_packed_weights_take_their_share_of_the_bytes(dtype: DType) -> None:
    rng = np.random.default_rng(0)
    weights = _integers(rng, dtype, (16, 3, 3, 8))
    graph = layer("conv2d", Conv2dAttrs(), (1, 6, 6, 8), weights, (1, 4, 4, 16), dtypes=(DType.S8, dtype, DType.S8))
    wide = graph.with_(types={**graph.types, "w": _with_dtype(graph, DType.S8)})
    saved = build_program(wide, "net").weight_bytes - build_program(graph, "net").weight_bytes
    assert saved == weights.size - weights.size * dtype.bits // 8


def test_three_bits_have_four_where_a_kernel_reads_no_three() -> None:
    rng = np.random.default_rng(0)
    weights = _integers(rng, DType.S3, (16, 64))
    scales = Scales(x=0.05, y=0.3, weights=0.01)
    graph = layer("dense", DenseAttrs(), (1, 64), weights, (1, 16), None, scales, (DType.S8, DType.S3, DType.S8))
    prices = {"edgeq_dense_w4_s8__mve": Prices({"call": 1.0}, 100)}
    program = build_program(graph, "net", machine=Machine("m", ("c", "mve"), prices))
    (kernel,) = program.kernels
    assert kernel.name == "edgeq_dense_w4_s8__mve"
    assert (kernel.stored_bits(3), kernel.stored_bits(4), kernel.stored_bits(8)) == (4, 4, None)
    x = rng.integers(*DType.S8.range, (1, 64), endpoint=True).astype(np.int8)
    np.testing.assert_array_equal(kernel_library.run(program, [x])[0], evaluate(graph, [x])["y"])


def test_a_constant_out_of_range_is_refused() -> None:
    weights = np.full((2, 4), 8)
    graph = layer("dense", DenseAttrs(), (1, 4), weights, (1, 2), dtypes=(DType.S8, DType.S4, DType.S8))
    with pytest.raises(AssertionError, match="holds what s4"):
        verify(graph, OPS)


def _with_dtype(graph: Graph, dtype: DType) -> Any:
    type_ = graph.types["w"]
    return type(type_)(type_.shape, dtype, type_.quant)


def _layer(rng: np.random.Generator, op: str, dtypes: tuple[DType, DType, DType]) -> Graph:
    y = 0.3 if dtypes[2] is DType.S8 else 0.001
    zeros = {"x_zero": int(rng.integers(-9, 9)) if dtypes[0] is DType.S8 else 0}
    zeros |= {"y_zero": int(rng.integers(-9, 9)) if dtypes[2] is DType.S8 else 0}
    x_scale = 0.05 if dtypes[0] is DType.S8 else 0.0002
    scales = Scales(x=x_scale, y=y, weights=0.1, **zeros)
    if op == "dense":
        features, out, rows = (int(n) for n in rng.integers(1, (30, 9, 4)))
        weights = _integers(rng, dtypes[1], (out, features))
        bias = rng.integers(-99, 99, out)
        return layer(op, DenseAttrs(), (rows, features), weights, (rows, out), bias, scales, dtypes)
    kernel, stride = tuple(int(n) for n in rng.integers(1, 4, 2)), tuple(int(n) for n in rng.integers(1, 3, 2))
    groups, depth, filters = (int(n) for n in rng.integers(1, (3, 5, 4)))
    in_c = groups * depth
    size = tuple(int(n) for n in rng.integers(4, 9, 2))
    out = tuple((n + 2 - k) // s + 1 for n, k, s in zip(size, kernel, stride, strict=True))
    x = (int(rng.integers(1, 3)), *size, in_c)
    bias = rng.integers(-99, 99, groups * filters if op == "conv2d" else in_c * filters)
    if op == "conv2d":
        weights = _integers(rng, dtypes[1], (groups * filters, *kernel, depth))
        attrs: Any = Conv2dAttrs(stride=stride, padding=(1, 1, 1, 1), groups=groups)
    else:
        weights = _integers(rng, dtypes[1], (1, *kernel, in_c * filters))
        attrs = DepthwiseConv2dAttrs(stride=stride, padding=(1, 1, 1, 1))
    return layer(op, attrs, x, weights, (x[0], *out, bias.size), bias, scales, dtypes)
