"""Sums, differences, products and pools for Arm's DSP extension: every pair of elements, windows of every size."""

from typing import Any

import kernel_library
import numpy as np
import pytest
from kernel_cases import machine_for

from edgeq.evaluate import evaluate
from edgeq.fixedpoint import Rounding
from edgeq.ir import DType, Graph, Node, Quant, TensorType
from edgeq.kernels import KERNELS, Kernel
from edgeq.ops import OPS
from edgeq.ops.activation import Activation
from edgeq.ops.elementwise import ArithmeticAttrs
from edgeq.ops.pool import AvgPool2dAttrs, MaxPool2dAttrs
from edgeq.ops.reduce import ReduceAttrs
from edgeq.program import build_program

_BY_NAME = {kernel.name: kernel for kernel in KERNELS}
_rounded = pytest.mark.parametrize("mode", Rounding, ids=lambda r: r.value)


def _check(op: str, attrs: Any, types: list[TensorType], quant: Quant, inputs: list[Any], mode: Rounding) -> None:
    kernel: Kernel = _BY_NAME[f"edgeq_{'sum' if op == 'mean' else op}_s8__dsp"]
    names = [f"x{i}" for i in range(len(types))]
    (shape,) = OPS[op].infer(attrs, types)
    all_types = {**dict(zip(names, types, strict=True)), "y": TensorType(shape, DType.S8, quant)}
    graph = Graph("net", tuple(names), ("y",), (Node("n", op, tuple(names), ("y",), attrs),), all_types)
    graph = graph.with_(rounding=mode)
    program = build_program(graph, "net", machine=machine_for(kernel))
    assert program.kernels == (kernel,), program.layers[0].choice.refused
    np.testing.assert_array_equal(kernel_library.run(program, inputs)[0], evaluate(graph, inputs)["y"])


@_rounded
@pytest.mark.parametrize("op", ["add", "sub", "mul"])
@pytest.mark.parametrize("scales", [(0.05, 0.05), (0.05, 0.013), (0.0001, 0.05)])
def test_every_pair_of_elements(op: str, scales: tuple[float, float], mode: Rounding) -> None:
    """With the wider operand first, second or neither; one operand is a row that is repeated, of odd length."""
    values = np.arange(-128, 128).astype(np.int8)
    inputs = [np.resize(values, 259), np.repeat(values, 259).reshape(256, 259)]
    types = [
        TensorType(x.shape, DType.S8, Quant.per_tensor(scale, zero))
        for x, scale, zero in zip(inputs, scales, (-128, 77), strict=True)
    ]
    quant = Quant.per_tensor(3 * max(scales) if op != "mul" else 200 * scales[0] * scales[1], 5)
    for activation in (Activation.NONE, Activation.RELU):
        _check(op, ArithmeticAttrs(activation), types, quant, inputs, mode)


@pytest.mark.parametrize("value", [-128, 127])
@pytest.mark.parametrize("size", [16, 17])
def test_sums_of_many_pixels(value: int, size: int) -> None:
    """256 of them fit halfwords, and one more does not."""
    quant = Quant.per_tensor(0.1, 3)
    x = np.full((1, size, size, 5), value, np.int8)
    types = [TensorType(x.shape, DType.S8, quant)]
    _check("avg_pool2d", AvgPool2dAttrs((size, size)), types, quant, [x], Rounding.DOUBLE)
    _check("mean", ReduceAttrs((1, 2)), types, quant, [x], Rounding.DOUBLE)


@pytest.mark.parametrize("channels", [4, 7, 8])
@pytest.mark.parametrize("op", ["avg_pool2d", "max_pool2d"])
def test_windows_at_borders(op: str, channels: int) -> None:
    rng = np.random.default_rng(5)
    quant = Quant.per_tensor(0.1, 3)
    x = rng.integers(-128, 128, (2, 7, 6, channels)).astype(np.int8)
    make = AvgPool2dAttrs if op == "avg_pool2d" else MaxPool2dAttrs
    for activation in (Activation.NONE, Activation.RELU6):
        attrs = make((3, 4), (2, 3), (1, 1, 2, 1), activation)
        _check(op, attrs, [TensorType(x.shape, DType.S8, quant)], quant, [x], Rounding.DOUBLE)
