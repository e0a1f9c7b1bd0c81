"""Weights with a factor per group of inputs: their meaning, and the plain kernels that read them."""

from itertools import product
from typing import Any

import kernel_library
import numpy as np
import pytest
from kernel_cases import machine_for
from narrow_weights import in_groups, narrowed
from single_layers import Scales, chained, layer, random_convolution, side_by_side
from toolchains import tool

from edgeq.emit import Banner, emit
from edgeq.emulation import emulate
from edgeq.errors import EdgeqError
from edgeq.evaluate import evaluate, evaluate_float
from edgeq.fixedpoint import Rounding
from edgeq.ir import DType, Graph
from edgeq.ir.text import parse_graph, print_graph
from edgeq.ir.verify import verify
from edgeq.kernels import KERNELS
from edgeq.ops import OPS
from edgeq.ops.conv2d import Conv2dAttrs
from edgeq.ops.dense import DenseAttrs
from edgeq.passes.remove_dead_channels import remove_dead_channels
from edgeq.program import build_program
from edgeq.select import Machine, Prices
from edgeq.targets import read_target

_WEIGHTS = (DType.S8, DType.S4, DType.S2, DType.B1)
_ACTIVATIONS = tuple(product((DType.S8, DType.S16), repeat=2))
_by_name = {"ids": lambda v: v.value}


def _integers(rng: np.random.Generator, dtype: DType, shape: tuple[int, ...]) -> Any:
    low, high = dtype.range
    drawn = rng.integers(low, high + 1, shape)
    return np.where(drawn == 0, 1, drawn) if dtype is DType.B1 else drawn


def _divisor(rng: np.random.Generator, number: int) -> int:
    return int(rng.choice([d for d in range(1, number + 1) if number % d == 0]))


def _random(rng: np.random.Generator, op: str, dtypes: tuple[DType, DType, DType]) -> Graph:
    """Any shape, with groups that begin and end within a tap as they come; outputs fill their range."""
    if op == "dense":
        features, out, rows = (int(n) for n in rng.integers(1, (40, 9, 4)))
        weights = _integers(rng, dtypes[1], (out, features))
        x, made, attrs = (rows, features), (rows, out), DenseAttrs()
    else:
        kernel, stride = tuple(int(n) for n in rng.integers(1, 4, 2)), tuple(int(n) for n in rng.integers(1, 3, 2))
        channels, depth, filters = (int(n) for n in rng.integers(1, (3, 7, 4)))
        size = tuple(int(n) for n in rng.integers(4, 9, 2))
        spaced = tuple((n + 2 - k) // s + 1 for n, k, s in zip(size, kernel, stride, strict=True))
        weights = _integers(rng, dtypes[1], (channels * filters, *kernel, depth))
        x = (int(rng.integers(1, 3)), *size, channels * depth)
        made = (x[0], *spaced, len(weights))
        attrs = Conv2dAttrs(stride=stride, padding=(1, 1, 1, 1), groups=channels)
    depth = weights[0].size
    factors = rng.integers(1, 256, (len(weights), _divisor(rng, depth)))
    bias = rng.integers(-9999, 9999, len(weights)) if rng.random() < 0.7 else None
    usual = float(np.sqrt(depth * np.square(weights.astype(float)).mean())) * 130 * dtypes[0].range[1] / 2
    return layer(op, attrs, x, weights, made, bias, _scales(rng, dtypes, usual), dtypes, factors)


def _scales(rng: np.random.Generator, dtypes: tuple[DType, DType, DType], usual: float) -> Scales:
    """For sums of about a size."""
    zeros = {"x_zero": int(rng.integers(-128, 128)) if dtypes[0] is DType.S8 else 0}
    zeros |= {"y_zero": int(rng.integers(-9, 9)) if dtypes[2] is DType.S8 else 0}
    x, weights = 2.0**-4, 2.0**-9
    return Scales(x=x, weights=weights, y=x * weights * usual / dtypes[2].range[1] * 3, **zeros)


@pytest.mark.parametrize("rounding", Rounding, **_by_name)
@pytest.mark.parametrize(("x", "y"), _ACTIVATIONS, **_by_name)
@pytest.mark.parametrize("op", ["conv2d", "dense"])
def test_layers_equal_their_evaluation(op: str, x: DType, y: DType, rounding: Rounding) -> None:
    rng = np.random.default_rng(5)
    graph = side_by_side([_random(rng, op, (x, dtype, y)) for dtype in _WEIGHTS for _ in range(3)])
    graph = graph.with_(rounding=rounding)
    verify(graph, OPS)
    program = build_program(graph, "net")
    assert [kernel.name.startswith(f"edgeq_{op}_groups_") for kernel in program.kernels] == [True]
    given = [rng.integers(*x.range, graph.types[v].shape, endpoint=True).astype(x.numpy) for v in graph.inputs]
    values = evaluate(graph, given)
    for found, output in zip(kernel_library.run(program, given), graph.outputs, strict=True):
        np.testing.assert_array_equal(found, values[output])
        assert len(np.unique(found)) > 2 or found.size < 9


@pytest.mark.parametrize("op", ["conv2d", "dense"])
def test_the_integers_mean_the_reals(op: str) -> None:
    rng = np.random.default_rng(0)
    for _ in range(10):
        graph = _random(rng, op, (DType.S8, DType.S4, DType.S8))
        x = graph.types["x"]
        given = rng.integers(*x.dtype.range, x.shape, endpoint=True).astype(np.int8)
        reals = evaluate_float(graph, [(given.astype(np.float32) - x.zero_point) * np.float32(x.scale)])["y"]
        y = graph.types["y"]
        steps = np.clip(reals / y.scale + y.zero_point, -128, 127)
        assert np.abs(evaluate(graph, [given])["y"] - steps).max() <= 0.51


def _dense(weights: Any, factors: Any, **changes: Any) -> Graph:
    x, y = (1, weights.shape[1]), (1, len(weights))
    return layer("dense", DenseAttrs(), x, weights, y, factors=factors, **changes)


def test_the_first_factor_is_that_of_the_first_weights() -> None:
    graph = _dense(np.array([[1, 1, 1, 1]]), np.array([[3, 200]]), scales=Scales(x=1, weights=1, y=1))
    for place, wanted in ((0, 3), (1, 3), (2, 127), (3, 127)):
        x = np.zeros((1, 4), np.int8)
        x[0, place] = 1
        assert evaluate(graph, [x])["y"].item() == wanted


def test_factors_outlive_the_text_form() -> None:
    graph = _dense(np.ones((2, 4), int), np.array([[1, 2], [3, 4]]))
    assert "dense(%x, %w, -, %f)" in print_graph(graph)
    again = parse_graph(print_graph(graph), {op.name: op.attrs for op in OPS.values()})
    assert again.nodes[0].inputs == graph.nodes[0].inputs
    np.testing.assert_array_equal(again.constants["f"], graph.constants["f"])


def test_factors_take_a_byte_each() -> None:
    weights = np.random.default_rng(0).integers(-7, 8, (8, 64))
    dtypes = (DType.S8, DType.S4, DType.S8)
    plain = layer("dense", DenseAttrs(), (1, 64), weights, (1, 8), dtypes=dtypes)
    grouped = _dense(weights, np.arange(1, 17).reshape(8, 2), dtypes=dtypes)
    assert build_program(grouped, "net").weight_bytes - build_program(plain, "net").weight_bytes == 16


@pytest.mark.parametrize(
    ("weights", "factors", "says"),
    [
        (np.ones((2, 4), int), np.zeros((2, 2), int), "a group of weights has the factor 0; accepted: 1 to 255"),
        (np.full((1, 600), 127), np.full((1, 2), 255), r"sums can grow to \d+; accepted: up to 2147483647"),
    ],
)
def test_factors_beyond_the_sums_are_refused(weights: Any, factors: Any, says: str) -> None:
    with pytest.raises(EdgeqError, match=says):
        build_program(_dense(weights, factors), "net")


def test_weights_with_a_zero_point_have_no_groups() -> None:
    with pytest.raises(EdgeqError, match="groups of weights with zero point 3; accepted: 0"):
        build_program(_dense(np.ones((2, 4), int), np.ones((2, 2), int), scales=Scales(weights_zero=3)), "net")


def test_groups_that_do_not_divide_the_weights_are_a_bug() -> None:
    with pytest.raises(AssertionError, match="accepted: whole groups of 4 weights"):
        verify(_dense(np.ones((2, 4), int), np.ones((2, 3), int)), OPS)


def _stack(rng: np.random.Generator) -> Graph:
    """A pointwise convolution with two dead outputs, and one with groups of the channels between."""
    first = rng.integers(-7, 8, (8, 1, 1, 4))
    first[[2, 5]] = 0
    second, scales = rng.integers(-7, 8, (6, 1, 1, 8)), Scales(y=0.05, x_zero=-4, y_zero=-4)
    second[3] = 0
    dtypes, factors = (DType.S8, DType.S4, DType.S8), [rng.integers(1, 20, (n, 2)) for n in (8, 6)]
    bias = rng.integers(-99, 99, 6)
    parts = [
        layer("conv2d", Conv2dAttrs(), (1, 3, 3, 4), first, (1, 3, 3, 8), None, scales, dtypes, factors[0]),
        layer("conv2d", Conv2dAttrs(), (1, 3, 3, 8), second, (1, 3, 3, 6), bias, scales, dtypes, factors[1]),
    ]
    third = layer("conv2d", Conv2dAttrs(), (1, 3, 3, 6), rng.integers(-7, 8, (2, 1, 1, 6)), (1, 3, 3, 2), None, scales)
    return chained([*parts, third])


def test_dead_outputs_go_with_their_factors_and_inputs_of_groups_stay() -> None:
    graph = _stack(np.random.default_rng(0))
    smaller, changes = remove_dead_channels(graph)
    verify(smaller, OPS)
    assert len(changes) == 1
    shapes = [[smaller.types[v].shape for v in node.inputs if v] for node in smaller.nodes]
    assert [s[1] for s in shapes] == [(8, 1, 1, 4), (5, 1, 1, 8), (2, 1, 1, 5)]
    assert [len(smaller.constants[node.inputs[3]]) for node in smaller.nodes if len(node.inputs) > 3] == [8, 5]
    x = np.random.default_rng(1).integers(-128, 128, (1, 3, 3, 4)).astype(np.int8)
    output = graph.outputs[0]
    np.testing.assert_array_equal(evaluate(smaller, [x])[output], evaluate(graph, [x])[output])


_DSP = {k.ops[0]: k for k in KERNELS if k.name in ("edgeq_dense_groups_w4_s8__dsp", "edgeq_conv2d_groups_w4_s8__dsp")}


def _narrowed_convolution(rng: np.random.Generator) -> Graph:
    """Any strides, paddings, dilations and biases per position."""
    return in_groups(narrowed(random_convolution(rng), 4), int(rng.integers(99)))


def _for_dsp(rng: np.random.Generator, op: str, count: int) -> Graph:
    """Layers side by side that the kernel takes."""
    graphs: list[Graph] = []
    while len(graphs) < count:
        graph = _random(rng, op, (DType.S8, DType.S4, DType.S8))
        graph = _narrowed_convolution(rng) if op == "conv2d" and len(graphs) % 2 else graph
        factors = graph.types[graph.nodes[0].inputs[3]]
        if graph.types["w"].size // factors.size % 4 == 0 and getattr(graph.nodes[0].attrs, "groups", 1) == 1:
            graphs.append(graph)
    return side_by_side(graphs)


@pytest.mark.parametrize("rounding", Rounding, **_by_name)
@pytest.mark.parametrize("op", _DSP)
def test_dsp_kernels_equal_their_evaluation(op: str, rounding: Rounding) -> None:
    rng = np.random.default_rng(6)
    graph = _for_dsp(rng, op, 30).with_(rounding=rounding)
    program = build_program(graph, "net", machine=machine_for(_DSP[op]))
    assert program.kernels == (_DSP[op],), [layer.choice.refused for layer in program.layers]
    given = [rng.integers(-128, 128, graph.types[v].shape).astype(np.int8) for v in graph.inputs]
    values = evaluate(graph, given)
    for found, output in zip(kernel_library.run(program, given), graph.outputs, strict=True):
        np.testing.assert_array_equal(found, values[output])


@pytest.mark.parametrize(
    ("optimize", "rounding"), [("-O2", Rounding.DOUBLE), ("-Os", Rounding.SINGLE), ("-O2", Rounding.FLOAT32)]
)
@pytest.mark.parametrize("op", _DSP)
def test_assembly_computes_what_c_does(op: str, optimize: str, rounding: Rounding) -> None:
    tool("arm-none-eabi-gcc")
    rng = np.random.default_rng(8)
    graph = _for_dsp(rng, op, 8).with_(rounding=rounding)
    machine = Machine("m4", ("c", "dsp"), {_DSP[op].name: Prices({}, 0)})
    program = build_program(graph, "net", machine=machine)
    assert program.kernels == (_DSP[op],)
    given = [rng.integers(-128, 128, graph.types[v].shape).astype(np.int8) for v in graph.inputs]
    files = emit(program, Banner("0", "", "", ""))
    run = emulate(program, files, read_target("cortex-m4"), given, optimize=optimize)
    values = evaluate(graph, given)
    for found, output in zip(run.outputs, graph.outputs, strict=True):
        np.testing.assert_array_equal(found, values[output])


@pytest.mark.parametrize("op", _DSP)
def test_sums_at_their_ends(op: str) -> None:
    """The largest group, all weights at one end, all inputs at another."""
    for weight, factor in ((-8, 9), (7, 9), (-8, 1)):
        weights = np.full((9, 1008), weight)
        factors, shape = np.full((9, 2), factor), (1, 1008)
        if op == "conv2d":
            weights, shape = weights.reshape(9, 1, 1, 1008), (1, 1, 1, 1008)
        scales, dtypes = Scales(y=0.05 * 0.01 * 1008 * 70), (DType.S8, DType.S4, DType.S8)
        attrs = Conv2dAttrs() if op == "conv2d" else DenseAttrs()
        graph = layer(op, attrs, shape, weights, (*shape[:-1], 9), None, scales, dtypes, factors)
        program = build_program(graph, "net", machine=machine_for(_DSP[op]))
        assert program.kernels == (_DSP[op],)
        for end in (-128, 127):
            x = np.full(shape, end, np.int8)
            np.testing.assert_array_equal(kernel_library.run(program, [x])[0], evaluate(graph, [x])["y"])


def test_groups_of_odd_sizes_are_left_to_plain_c() -> None:
    graph = _dense(np.ones((2, 12), int), np.ones((2, 2), int), dtypes=(DType.S8, DType.S4, DType.S8))
    choice = build_program(graph, "net", machine=machine_for(_DSP["dense"])).layers[0].choice
    assert choice.taken.kernel.name == "edgeq_dense_groups_s8"
    assert "groups of 6 weights; accepted: multiples of 4 up to 504" in dict(choice.refused)[_DSP["dense"].name]
