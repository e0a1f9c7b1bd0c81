"""Kernels for Arm's MVE at the bounds of their loops: in C on this machine, and in assembly on an emulated M55."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import kernel_library
import numpy as np
import pytest
from mve_layers import Layers, convolutions, dense, depthwise, random_inputs, same
from toolchains import tool

from edgeq.emit import Banner, emit
from edgeq.emulation import emulate
from edgeq.evaluate import evaluate, lower_node
from edgeq.fixedpoint import Rounding
from edgeq.ir import Graph, Quant
from edgeq.kernels import KERNELS, Kernel
from edgeq.ops.activation import Activation
from edgeq.ops.conv2d import Conv2dAttrs, DepthwiseConv2dAttrs
from edgeq.ops.dense import DenseAttrs
from edgeq.ops.elementwise import ArithmeticAttrs
from edgeq.ops.pool import AvgPool2dAttrs, MaxPool2dAttrs
from edgeq.program import Program, build_program
from edgeq.select import Machine, Prices
from edgeq.targets import read_target

_M55 = read_target("cortex-m55")
_MVE = [kernel for kernel in KERNELS if kernel.isa == "mve" and 8 in kernel.weight_bits]
_MODES = [pytest.param(r, id=r.value, marks=[pytest.mark.slow] * (r is not Rounding.DOUBLE)) for r in Rounding]


def _sums() -> Graph:
    layers = Layers()
    for op in ("add", "sub"):
        for shape in ((1, 3), (2, 8), (3, 21)):
            layers.add(op, ArithmeticAttrs(), [shape, shape], shape)
        layers.add(op, ArithmeticAttrs(), [(4, 1, 6), (1, 3, 6)], (4, 3, 6))
        layers.add(op, ArithmeticAttrs(Activation.RELU6), [(2, 9), (2, 9)], (2, 9))
    return layers.graph()


def _pools() -> Graph:
    layers = Layers()
    for op, attrs in (("avg_pool2d", AvgPool2dAttrs), ("max_pool2d", MaxPool2dAttrs)):
        for n, h, w, c, k, s in ((2, 6, 5, 1, 2, 1), (1, 7, 7, 8, 3, 2), (1, 5, 15, 17, 5, 1), (1, 15, 17, 33, 15, 1)):
            for padding in ((0, 0, 0, 0), (*same(h, k, s)[1:], *same(w, k, s)[1:])):
                out = [(size + sum(padding[2 * i : 2 * i + 2]) - k) // s + 1 for i, size in enumerate((h, w))]
                layers.add(op, attrs((k, k), (s, s), padding), [(n, h, w, c)], (n, *out, c))
    return layers.graph()


def _half_and_more() -> Graph:
    """Layers with channels that are scaled by almost 1, and others by 1/16."""
    layers, out = Layers(), Quant.per_tensor(0.05 * 0.016 / 0.99, -128)
    weights, bias = layers.rng.integers(-3, 4, (6, 1, 1, 20)), layers.rng.integers(-50, 200, 6)
    layers.filter("conv2d", Conv2dAttrs(), (1, 5, 4, 20), weights, (1, 5, 4, 6), bias, out)
    layers.filter("dense", DenseAttrs(), (3, 20), weights.reshape(6, 20), (3, 6), bias, out)
    for size in (3, 5):
        weights, y = layers.rng.integers(-3, 4, (1, size, size, 6)), (1, 10 - size, 9 - size, 6)
        layers.filter("depthwise_conv2d", DepthwiseConv2dAttrs(), (1, 9, 8, 6), weights, y, bias, out)
    return layers.graph()


_GRAPHS = {"conv2d": convolutions, "depthwise": depthwise, "dense": dense, "sums": _sums, "pools": _pools}


def _program(graph: Graph) -> Program:
    prices = {kernel.name: Prices({}, 0) for kernel in _MVE}
    return build_program(graph, "net", machine=Machine("an M55", _M55.core.isas, prices))


@pytest.mark.parametrize("mode", _MODES)
@pytest.mark.parametrize("name", _GRAPHS)
def test_in_c_they_equal_the_evaluation(name: str, mode: Rounding) -> None:
    graph = _GRAPHS[name]().with_(rounding=mode)
    program = _program(graph)
    assert {layer.kernel.isa for layer in program.layers if layer.kernel} == {"mve"}
    for inputs in random_inputs(graph):
        values = evaluate(graph, inputs)
        for found, output in zip(kernel_library.run(program, inputs), graph.outputs, strict=True):
            np.testing.assert_array_equal(found, values[output], err_msg=output)


@pytest.mark.parametrize("mode", _MODES)
@pytest.mark.parametrize("name", _GRAPHS)
def test_in_assembly_they_equal_the_evaluation(name: str, mode: Rounding) -> None:
    tool("arm-none-eabi-gcc")
    tool("qemu-system-arm")
    graph = _GRAPHS[name]().with_(rounding=mode)
    program = _program(graph)
    inputs = next(random_inputs(graph))
    run = emulate(program, emit(program, Banner("0", "layers", "0", "none")), _M55, inputs)
    values = evaluate(graph, inputs)
    for found, output in zip(run.outputs, graph.outputs, strict=True):
        np.testing.assert_array_equal(found, values[output], err_msg=output)


def test_scales_of_a_half_and_more_where_negative_sums_are_clamped() -> None:
    tool("arm-none-eabi-gcc")
    tool("qemu-system-arm")
    graph = _half_and_more()
    program = _program(graph)
    assert {layer.kernel.isa for layer in program.layers if layer.kernel} == {"mve"}
    (inputs, _) = random_inputs(graph)
    run = emulate(program, emit(program, Banner("0", "layers", "0", "none")), _M55, inputs)
    values = evaluate(graph, inputs)
    for i, output in enumerate(graph.outputs):
        for found in (kernel_library.run(program, inputs)[i], run.outputs[i]):
            np.testing.assert_array_equal(found, values[output], err_msg=output)
        middle = np.abs(values[output].astype(int)) < 100
        assert middle.mean() > 0.1


def _params(op: str) -> Any:
    """The integers of a layer that no kernel refuses."""
    layers = Layers()
    if op == "dense":
        layers.filter(op, DenseAttrs(), (1, 8), layers.weights(4, 8), (1, 4))
    elif op == "conv2d":
        layers.filter(op, Conv2dAttrs(), (1, 4, 4, 8), layers.weights(4, 1, 1, 8), (1, 4, 4, 4))
    else:
        layers.filter(op, DepthwiseConv2dAttrs(), (1, 4, 4, 8), layers.weights(1, 1, 1, 8), (1, 4, 4, 8))
    graph = layers.graph()
    return lower_node(graph, graph.nodes[0])


def _refuses(op: str) -> Callable[[Any], str | None]:
    """That of the kernel for an op."""
    return next(kernel.refuses for kernel in _MVE if kernel.name == f"edgeq_{op}_s8__mve")


@pytest.mark.parametrize("op", ["conv2d", "depthwise_conv2d", "dense"])
def test_refusals(op: str) -> None:
    params, refuses = _params(op), _refuses(op)
    assert refuses(params) is None
    assert refuses(replace(params, weight_offset=3)) == "the filter has a zero point other than 0; accepted: 0"
    assert "accepted: by less than 2^-1" in (refuses(replace(params, shift=params.shift * 0 + 1)) or "")
    assert "accepted: up to " in (refuses(replace(params, bias=params.bias * 0 + 2**30 - 1)) or "")


def test_refusals_of_groups() -> None:
    grouped = replace(_params("conv2d"), groups=2)
    assert _refuses("conv2d")(grouped) == "2 groups of channels; accepted: 1"
    multiplied = replace(_params("depthwise_conv2d"), in_c=4, groups=4)
    assert _refuses("depthwise_conv2d")(multiplied) == "2 output channels per input channel; accepted: 1"


@pytest.mark.parametrize("kernel", _MVE, ids=lambda k: k.name)
def test_units_are_counted(kernel: Kernel) -> None:
    """What prices are fitted to is there for every kernel, and never negative."""
    found = 0
    for make in _GRAPHS.values():
        for layer in _program(make()).layers:
            if layer.kernel is kernel and kernel.units is not None:
                units = kernel.units(layer.params)
                assert min(units.values()) >= 0
                assert units["call"] >= 1
                found += 1
    assert found
