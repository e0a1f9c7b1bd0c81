"""Kernels for Arm's MVE with weights of 4 bits or less: in C on this machine, and in assembly on an emulated M55."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import kernel_library
import numpy as np
import pytest
from mve_layers import convolutions, dense, depthwise, random_inputs
from narrow_weights import narrowed
from single_layers import layer
from toolchains import tool

from edgeq.emit import Banner, emit
from edgeq.emulation import emulate
from edgeq.evaluate import evaluate, lower_node
from edgeq.fixedpoint import Rounding
from edgeq.ir import DType, Graph
from edgeq.kernels import KERNELS, Kernel
from edgeq.ops.conv2d import Conv2dAttrs, DepthwiseConv2dAttrs
from edgeq.ops.dense import DenseAttrs
from edgeq.program import Program, build_program
from edgeq.select import Machine, Prices
from edgeq.targets import read_target

_M55 = read_target("cortex-m55")
_NARROW = {k.name: k for k in KERNELS if k.isa == "mve" and 4 in k.weight_bits}
_MODES = [pytest.param(r, id=r.value, marks=[pytest.mark.slow] * (r is not Rounding.DOUBLE)) for r in Rounding]
_GRAPHS: dict[str, Callable[[], Graph]] = {"conv2d": convolutions, "depthwise": depthwise, "dense": dense}
_S4 = (DType.S8, DType.S4, DType.S8)


def _program(graph: Graph) -> Program:
    prices = {name: Prices({}, 0) for name in _NARROW}
    return build_program(graph, "net", machine=Machine("an M55", _M55.core.isas, prices))


def _narrowed(name: str, bits: int, steps: float = 1) -> Graph:
    """The layers with narrow weights; outputs take steps with which scales are as with 4 bits, or others."""
    graph = narrowed(_GRAPHS[name](), bits)
    types = dict(graph.types)
    for output in graph.outputs:
        quant = types[output].quant
        assert quant is not None
        coarser = replace(quant, scale=tuple(s * steps * 2 ** (4 - bits) for s in quant.scale))
        types[output] = replace(types[output], quant=coarser)
    return graph.with_(types=types)


@pytest.mark.parametrize("mode", _MODES)
@pytest.mark.parametrize("bits", [4, 2, 1])
@pytest.mark.parametrize("name", _GRAPHS)
def test_in_c_they_equal_the_evaluation(name: str, bits: int, mode: Rounding) -> None:
    graph = _narrowed(name, bits).with_(rounding=mode)
    program = _program(graph)
    assert {layer.kernel.name for layer in program.layers if layer.kernel} <= set(_NARROW)
    for inputs in random_inputs(graph):
        values = evaluate(graph, inputs)
        for found, output in zip(kernel_library.run(program, inputs), graph.outputs, strict=True):
            np.testing.assert_array_equal(found, values[output], err_msg=output)


def _largest_shift(graph: Graph) -> int:
    params: list[Any] = [lower_node(graph, node) for node in graph.nodes]
    return max(int(p.shift.max()) for p in params)


@pytest.mark.parametrize("bits", [2, 1])
@pytest.mark.parametrize("name", _GRAPHS)
def test_weights_of_few_bits_have_room_for_large_scales(name: str, bits: int) -> None:
    """Rounded once, so that sums may be scaled by up to 2."""
    largest = _largest_shift(_narrowed(name, bits))
    graph = _narrowed(name, bits, 2.0 ** (largest - 1)).with_(rounding=Rounding.SINGLE)
    assert _largest_shift(graph) == 1
    program = _program(graph)
    for one in program.layers:
        assert one.kernel is not None
        assert (
            one.kernel.name in _NARROW or "sums can grow" in dict(one.choice.refused)[f"edgeq_{one.node.op}_w4_s8__mve"]
        )
    inputs = next(random_inputs(graph))
    values = evaluate(graph, inputs)
    for found, output in zip(kernel_library.run(program, inputs), graph.outputs, strict=True):
        np.testing.assert_array_equal(found, values[output], err_msg=output)


@pytest.mark.parametrize("mode", _MODES)
@pytest.mark.parametrize("name", _GRAPHS)
def test_in_assembly_they_equal_the_evaluation(name: str, mode: Rounding) -> None:
    tool("arm-none-eabi-gcc")
    tool("qemu-system-arm")
    graph = narrowed(_GRAPHS[name](), 4).with_(rounding=mode)
    program = _program(graph)
    inputs = next(random_inputs(graph))
    run = emulate(program, emit(program, Banner("0", "layers", "0", "none")), _M55, inputs)
    values = evaluate(graph, inputs)
    for found, output in zip(run.outputs, graph.outputs, strict=True):
        np.testing.assert_array_equal(found, values[output], err_msg=output)


def _layer(op: str) -> Graph:
    weights = np.random.default_rng(1).integers(-8, 8, (16, 3, 3, 32))
    if op == "dense":
        return layer(op, DenseAttrs(), (1, 288), weights.reshape(16, 288), (1, 16), dtypes=_S4)
    if op == "conv2d":
        return layer(op, Conv2dAttrs(), (1, 6, 6, 32), weights, (1, 4, 4, 16), dtypes=_S4)
    weights = weights[:1]
    return layer(op, DepthwiseConv2dAttrs(), (1, 6, 6, 32), weights, (1, 4, 4, 32), dtypes=_S4)


def _of(op: str) -> tuple[Kernel, Kernel]:
    """The kernels for 4 and for 8 bits."""
    wide = f"edgeq_{op}_s8__mve"
    return _NARROW[f"edgeq_{op}_w4_s8__mve"], next(k for k in KERNELS if k.name == wide)


@pytest.mark.parametrize("op", ["conv2d", "depthwise_conv2d", "dense"])
def test_weights_take_half_the_bytes_of_those_of_8_bits(op: str) -> None:
    graph = _layer(op)
    params: Any = lower_node(graph, graph.nodes[0])
    narrow, wide = (kernel.packed(params) for kernel in _of(op))
    assert 2 * narrow.weights.nbytes <= wide.weights.nbytes  # type: ignore[attr-defined]


@pytest.mark.parametrize("op", ["conv2d", "depthwise_conv2d", "dense"])
def test_refusals(op: str) -> None:
    graph = _layer(op)
    params: Any = lower_node(graph, graph.nodes[0])
    refuses = _of(op)[0].refuses
    assert refuses(params) is None
    assert refuses(replace(params, weight_offset=3)) == "the filter has a zero point other than 0; accepted: 0"
    assert "accepted: by less than 2^-1" in (refuses(replace(params, shift=params.shift * 0 + 1)) or "")
    assert "accepted: up to " in (refuses(replace(params, bias=params.bias * 0 + 2**30 - 1)) or "")


def test_sums_that_overflow_once_they_are_16_times_as_large_are_refused() -> None:
    """The largest that are accepted, and one more tap."""
    refuses = _of("dense")[0].refuses
    taps = (2**31 - 1) // 16 // 128
    graph = layer("dense", DenseAttrs(), (1, 1), np.ones((2, 1)), (1, 2), dtypes=_S4)
    params: Any = lower_node(graph, graph.nodes[0])
    most = np.ones((2, taps), np.int8)
    assert refuses(replace(params, in_features=taps, weights=most)) is None
    more = replace(params, in_features=taps + 1, weights=np.ones((2, taps + 1), np.int8))
    assert refuses(more) == f"sums of products can grow to {128 * (taps + 1)}; accepted: up to {(2**31 - 1) // 16}"


@pytest.mark.parametrize("kernel", _NARROW.values(), ids=lambda k: k.name)
def test_units_are_counted(kernel: Kernel) -> None:
    """What prices are fitted to."""
    found = 0
    for make in _GRAPHS.values():
        for one in _program(narrowed(make(), 4)).layers:
            if one.kernel is kernel and kernel.units is not None:
                units = kernel.units(one.params)
                assert min(units.values()) >= 0
                assert units["call"] >= 1
                found += 1
    assert found
