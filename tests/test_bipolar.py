"""Values of one bit: which become it, layers that count bits, and their C on this machine and on cores."""

from dataclasses import replace
from itertools import product
from typing import Any

import kernel_library
import numpy as np
import pytest
from single_layers import random_convolution, side_by_side
from toolchains import tool

from edgeq.emit import Banner, emit
from edgeq.emulation import emulate
from edgeq.evaluate import evaluate
from edgeq.fixedpoint import Rounding
from edgeq.ir import DType, Graph, Node, Quant, TensorType
from edgeq.ops.activation import Activation
from edgeq.ops.dense import DenseAttrs
from edgeq.ops.levels import LevelsAttrs
from edgeq.ops.reshape import ReshapeAttrs
from edgeq.passes import run_passes
from edgeq.passes.pack_bipolar import pack_bipolar
from edgeq.program import build_program
from edgeq.simulate import HostModel
from edgeq.targets import read_target

_BANNER = Banner("0", "", "", "")
_OUTPUTS = (DType.B1, DType.S8, DType.S16)
_BYTE = Quant.per_tensor(0.02, 3)
_SIGNS = Quant.per_tensor(1.0, 0)
_rounded = pytest.mark.parametrize("rounding", Rounding, ids=lambda r: r.value)
_any_output = pytest.mark.parametrize("output", _OUTPUTS, ids=lambda d: d.value)


def _levels(threshold: float = 0.0, **changes: Any) -> LevelsAttrs:
    """-1 and 1 around a real."""
    signs = LevelsAttrs(1.0, -threshold, -1, 0, -0.5, 2.0, "floor", in_reals=True)
    return replace(signs, **changes)


def _net(graph: Graph, output: DType, weights: DType = DType.B1) -> Graph:
    """A layer between signs: of its input, and where `output` is one bit, of its output, which a layer reads."""
    (node,) = graph.nodes
    rng = np.random.default_rng(int(np.prod(graph.types["x"].shape)))
    wide = DType.S16 if output is DType.S16 else DType.S8
    y, channels = graph.types["y"], graph.types["y"].shape[-1]
    scale = 0.004 if output is DType.S16 else 0.6
    scales = Quant(tuple(rng.uniform(0.02, 0.2, channels).astype(np.float32).tolist()), (0,) * channels, 0)
    constants = {k: np.where(v < 0, -1, 1).astype(np.int8) if k == "w" else v // 50 for k, v in graph.constants.items()}
    types = {
        "x": replace(graph.types["x"], quant=_BYTE),
        "signs": replace(graph.types["x"], quant=_SIGNS),
        "w": replace(graph.types["w"], dtype=weights, quant=scales),
        "y": TensorType(y.shape, wide, Quant.per_tensor(scale, 0 if wide is DType.S16 else 7)),
    }
    if "b" in constants:
        bias = graph.types["b"]
        types["b"] = replace(bias, quant=replace(scales, axis=len(bias.shape) - 1))
    nodes = [
        Node("s", "levels", ("x",), ("signs",), _levels(0.3), "s"),
        replace(node, inputs=("signs", *node.inputs[1:])),
    ]
    if output is DType.B1:
        size = int(np.prod(y.shape[1:]))
        last = Quant((0.5,) * 3, (0,) * 3, 0)
        constants["v"] = rng.choice([-1, 1], (3, size)).astype(np.int8)
        types |= {
            "hidden": TensorType(y.shape, DType.S8, _SIGNS),
            "flat": TensorType((y.shape[0], size), DType.S8, _SIGNS),
            "v": TensorType((3, size), DType.B1, last),
            "z": TensorType((y.shape[0], 3), DType.S8, Quant.per_tensor(0.3, -1)),
        }
        nodes += [
            Node("t", "levels", ("y",), ("hidden",), _levels(1.3), "t"),
            Node("r", "reshape", ("hidden",), ("flat",), ReshapeAttrs(types["flat"].shape), "r"),
            Node("d", "dense", ("flat", "v"), ("z",), DenseAttrs(), "d"),
        ]
    return Graph("net", ("x",), (nodes[-1].outputs[0],), tuple(nodes), types, constants)


def _dense(rng: np.random.Generator) -> Graph:
    rows, features, out = (int(n) for n in rng.integers(1, (4, 700, 70)))
    types = {
        "x": TensorType((rows, features), DType.S8, _BYTE),
        "w": TensorType((out, features), DType.S8, _SIGNS),
        "y": TensorType((rows, out), DType.S8, _BYTE),
        "b": TensorType((out,), DType.S32, _SIGNS),
    }
    constants: dict[str, Any] = {
        "w": rng.integers(-128, 128, (out, features)).astype(np.int8),
        "b": rng.integers(-3000, 3000, out).astype(np.int32),
    }
    attrs = DenseAttrs(Activation(rng.choice([a.value for a in Activation])))
    return Graph("dense", ("x",), ("y",), (Node("n", "dense", ("x", "w", "b"), ("y",), attrs, "n"),), types, constants)


def _layers(seed: int, count: int) -> list[Graph]:
    rng = np.random.default_rng(seed)
    return [_dense(rng) if i % 2 else random_convolution(rng) for i in range(count)]


def _bytes(rng: np.random.Generator, graph: Graph) -> list[Any]:
    return [rng.integers(-128, 128, graph.types[v].shape).astype(np.int8) for v in graph.inputs]


def _ops(graph: Graph) -> list[str]:
    return [node.op for node in graph.nodes]


@_rounded
@_any_output
def test_bits_equal_bytes(output: DType, rounding: Rounding) -> None:
    """What the graph of bytes makes, the graph of bits does, evaluated and in C."""
    rng = np.random.default_rng(2)
    for source in _layers(3, 24):
        before = _net(source, output).with_(rounding=rounding)
        after, sentences = run_passes(before)[0], pack_bipolar(before)[1]
        layer = f"bipolar_{source.nodes[0].op}"
        expected = ["bipolar", layer] + (["reshape", "bipolar_dense"] if output is DType.B1 else [])
        assert [op for op in _ops(after) if op != "reshape"] == [op for op in expected if op != "reshape"]
        assert len(sentences) == (3 if output is DType.B1 else 1)
        inputs = _bytes(rng, before)
        wanted = evaluate(before, inputs)[before.outputs[0]]
        np.testing.assert_array_equal(evaluate(after, inputs)[after.outputs[0]], wanted)
        (found,) = kernel_library.run(build_program(after, "net"), inputs)
        np.testing.assert_array_equal(found, wanted)


def test_every_threshold_of_a_byte() -> None:
    """Each byte is told apart from the next, at any scale and zero point."""
    x = np.arange(-128, 128).astype(np.int8).reshape(1, 256)
    rng = np.random.default_rng(5)
    for threshold in range(-127, 128):
        quant = Quant.per_tensor(float(rng.uniform(1e-3, 3)), int(rng.integers(-128, 128)))
        real = (threshold - 0.5 - quant.zero_point[0]) * quant.scale[0]
        graph = _net(_dense_of(256), DType.S8)
        levels = replace(graph.nodes[0], attrs=_levels(real))
        types = {**graph.types, "x": replace(graph.types["x"], quant=quant)}
        graph = graph.with_(nodes=(levels, graph.nodes[1]), types=types)
        packed, _ = pack_bipolar(graph)
        assert _ops(packed) == ["bipolar", "bipolar_dense"]
        (signs,) = [v for v, t in packed.types.items() if t.dtype is DType.B1 and v not in packed.constants]
        np.testing.assert_array_equal(evaluate(packed, [x])[signs], np.where(x >= threshold, 1, -1))


def _dense_of(features: int) -> Graph:
    rng = np.random.default_rng(features)
    types = {
        "x": TensorType((1, features), DType.S8, _BYTE),
        "w": TensorType((5, features), DType.S8, _SIGNS),
        "y": TensorType((1, 5), DType.S8, _BYTE),
    }
    weights = {"w": rng.integers(-128, 128, (5, features)).astype(np.int8)}
    return Graph("dense", ("x",), ("y",), (Node("n", "dense", ("x", "w"), ("y",), DenseAttrs(), "n"),), types, weights)


@pytest.mark.parametrize("features", [1, 31, 32, 33, 6 * 32, 7 * 32, 8 * 32, 28 * 32, 29 * 32 + 1, 60 * 32 + 17])
def test_all_bits_agree_or_differ(features: int) -> None:
    """The largest counts that there are, of which no field within a word may run over."""
    for weight, byte in product((-1, 1), (-128, 127)):
        graph = _net(_dense_of(features), DType.S16)
        graph = graph.with_(constants={**graph.constants, "w": np.full((5, features), weight, np.int8)})
        coarse = replace(graph.types["y"], quant=Quant.per_tensor(0.02, 0))
        graph = run_passes(graph.with_(types={**graph.types, "y": coarse}))[0]
        x = np.full((1, features), byte, np.int8)
        (found,) = kernel_library.run(build_program(graph, "net"), [x])
        np.testing.assert_array_equal(found, evaluate(graph, [x])["y"])
        assert (np.sign(found) == (weight if byte > 0 else -weight)).all()


def _changed(graph: Graph, index: int, **changes: Any) -> Graph:
    nodes = list(graph.nodes)
    nodes[index] = replace(nodes[index], **changes)
    return graph.with_(nodes=tuple(nodes))


def test_what_is_not_proved_stays() -> None:
    graph = _net(_dense_of(40), DType.S8)
    half = {**graph.types, "signs": replace(graph.types["signs"], quant=Quant.per_tensor(0.5, 0))}
    wide = {**graph.types, "w": replace(graph.types["w"], dtype=DType.S2)}
    others = {
        "three levels": _changed(graph, 0, attrs=_levels(rounding="half_even", low=-1, high=1, zero=0, step=1.0)),
        "levels 0 and 1": _changed(graph, 0, attrs=_levels(zero=-1.0, step=1.0)),
        "-2 and 2": graph.with_(types=half),
        "weights of two bits": graph.with_(types=wide),
        "an output": graph.with_(outputs=("y", "signs")),
        "always 1": _changed(graph, 0, attrs=_levels(-99.0)),
    }
    for what, other in others.items():
        packed, sentences = pack_bipolar(other)
        assert not sentences, what
        assert packed is other, what


def test_a_value_that_something_else_reads_stays() -> None:
    graph = _net(_dense_of(40), DType.S8)
    types = {**graph.types, "u": graph.types["x"]}
    node = Node("u", "levels", ("signs",), ("u",), _levels(), "u")
    graph = graph.with_(nodes=(*graph.nodes, node), types=types, outputs=("y", "u"))
    assert pack_bipolar(graph)[1] == []


def test_memory_is_an_eighth() -> None:
    graph = run_passes(_net(_dense_of(640), DType.B1))[0]
    program = build_program(graph, "net")
    assert program.plan.size == 640  # the input; its bits lie in its place
    assert graph.types["signs"].bytes == 80


@pytest.mark.parametrize("features", [1, 31, 33, 95])
def test_a_trace_has_bits_as_numbers(features: int) -> None:
    graph = run_passes(_net(_dense_of(features), DType.B1))[0]
    program = build_program(graph, "net")
    inputs = _bytes(np.random.default_rng(0), graph)
    values, wanted = HostModel(program, emit(program, _BANNER)).trace(inputs), evaluate(graph, inputs)
    for value in ("signs", "hidden", "z"):
        np.testing.assert_array_equal(values[value], wanted[value])


@pytest.mark.parametrize(
    ("core", "optimize", "rounding"),
    [
        ("cortex-m0plus", "-O2", Rounding.DOUBLE),
        ("cortex-m4", "-Os", Rounding.SINGLE),
        ("cortex-m55", "-O2", Rounding.FLOAT32),
    ],
)
def test_cores_compute_the_same(core: str, optimize: str, rounding: Rounding) -> None:
    tool("arm-none-eabi-gcc")
    nets = [_net(source, _OUTPUTS[i % 3]) for i, source in enumerate(_layers(11, 18))]
    graph = run_passes(side_by_side(nets).with_(rounding=rounding))[0]
    inputs = _bytes(np.random.default_rng(4), graph)
    program = build_program(graph, "net")
    run = emulate(program, emit(program, _BANNER), read_target(core), inputs, optimize=optimize)
    wanted = evaluate(graph, inputs)
    for found, value in zip(run.outputs, graph.outputs, strict=True):
        np.testing.assert_array_equal(found, wanted[value])
