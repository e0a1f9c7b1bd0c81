"""Average pools with scales and zero points of their own: C = evaluation = the reals, to a step."""

from typing import Any

import kernel_library
import numpy as np
import pytest
from rewriting import const, graph_of, op_list, random_inputs

from edgeq.errors import Refusal
from edgeq.evaluate import evaluate, evaluate_float, lower_node
from edgeq.fixedpoint import Rounding
from edgeq.ir import DType, Graph, Node, Quant, TensorType
from edgeq.ir.tensor import dequantize
from edgeq.ops import OPS
from edgeq.ops.activation import Activation
from edgeq.ops.pool import AvgPool2dAttrs, PoolParams, ScaledPoolParams
from edgeq.passes.fuse_activations import fuse_activations
from edgeq.passes.remove_dead_channels import remove_dead_channels
from edgeq.program import build_program

_LARGEST_ERROR = {Rounding.SINGLE: 0.51, Rounding.FLOAT32: 0.51, Rounding.DOUBLE: 0.76}
"""Steps of the output: of two roundings the first is to half a step where a sum is scaled down by 2 or more."""


def _graph(attrs: AvgPool2dAttrs, x: TensorType, quant: Quant) -> Graph:
    (shape,) = OPS["avg_pool2d"].infer(attrs, [x])
    types = {"x": x, "y": TensorType(shape, x.dtype, quant)}
    return Graph("net", ("x",), ("y",), (Node("n", "avg_pool2d", ("x",), ("y",), attrs),), types)


def _random(rng: np.random.Generator, dtype: DType) -> Graph:
    """Windows as large as the image and larger, strides, padding on every side, scales up and down."""
    size = tuple(int(n) for n in rng.integers(1, 9, 2))
    pads = tuple(int(n) for n in rng.integers(0, 3, 4))
    kernel = tuple(
        max(int(rng.integers(1, n + a + b + 1)), a + 1, b + 1)
        for n, a, b in zip(size, pads[::2], pads[1::2], strict=True)
    )
    attrs = AvgPool2dAttrs(
        (kernel[0], kernel[1]),
        (int(rng.integers(1, 4)), int(rng.integers(1, 4))),
        (pads[0], pads[1], pads[2], pads[3]),
        list(Activation)[rng.integers(5)],
    )
    low, high = dtype.range
    scale = 12 / (high - low)
    x = TensorType((2, *size, int(rng.integers(1, 5))), dtype, Quant.per_tensor(scale, int(rng.integers(low, high))))
    quant = Quant.per_tensor(float(np.float32(scale * 2.0 ** rng.uniform(-3, 2))), int(rng.integers(low, high)))
    return _graph(attrs, x, quant)


def _require_c(graph: Graph, inputs: list[Any]) -> Any:
    found = evaluate(graph, inputs)[graph.outputs[0]]
    np.testing.assert_array_equal(kernel_library.run(build_program(graph, "net"), inputs)[0], found)
    return found


@pytest.mark.parametrize("dtype", [DType.S8, DType.S16])
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("seed", range(25))
def test_any_quantization(seed: int, rounding: Rounding, dtype: DType) -> None:
    graph = _random(np.random.default_rng(seed), dtype).with_(rounding=rounding)
    (values,) = random_inputs(graph, seed)
    found = _require_c(graph, [values])
    x, y = graph.types["x"], graph.types["y"]
    reals = evaluate_float(graph, [dequantize(values, x)])["y"].astype(np.float64)
    wanted = np.clip(reals / y.scale + y.zero_point, *y.dtype.range)
    assert np.abs(found - wanted).max() <= _LARGEST_ERROR[rounding]


def test_a_factor_for_each_number_of_values() -> None:
    x = TensorType((1, 5, 5, 1), DType.S8, Quant.per_tensor(0.5, 3))
    attrs = AvgPool2dAttrs((3, 3), padding=(1, 1, 1, 1))
    graph = _graph(attrs, x, Quant.per_tensor(0.25, -7))
    params = lower_node(graph, graph.nodes[0])
    assert isinstance(params, ScaledPoolParams)
    assert params.counts.tolist() == [4, 6, 9]


def test_equal_quantization_stays_as_tflite_has_it() -> None:
    x = TensorType((1, 5, 5, 1), DType.S8, Quant.per_tensor(0.5, 3))
    assert x.quant is not None
    graph = _graph(AvgPool2dAttrs((3, 3)), x, x.quant)
    assert isinstance(lower_node(graph, graph.nodes[0]), PoolParams)


@pytest.mark.parametrize(
    ("shape", "quant", "sentence"),
    [
        ((1, 256, 257, 1), Quant.per_tensor(0.5, -32768), "sums can grow to 4311678720"),
        ((1, 2, 2, 1), Quant((0.5,), (0,), 3), "quantized per channel"),
    ],
)
def test_refusals(shape: tuple[int, ...], quant: Quant, sentence: str) -> None:
    x = TensorType(shape, DType.S16, Quant.per_tensor(0.25, -32768))
    graph = _graph(AvgPool2dAttrs((shape[1], shape[2])), x, quant)
    with pytest.raises(Refusal, match=sentence):
        lower_node(graph, graph.nodes[0])


def test_a_clamp_behind_it_becomes_its_own() -> None:
    graph = graph_of("""
graph net
input %x: s8[1,4,4,3] @0.1+5
%a: s8[1,2,2,3] @0.05-20 = avg_pool2d(%x) {"kernel": [3, 3]}
%y: s8[1,2,2,3] @0.05-20 = relu6(%a)
output %y
""")
    after, _ = fuse_activations(graph)
    assert op_list(after) == ["avg_pool2d"]
    inputs = random_inputs(graph, 0)
    np.testing.assert_array_equal(_require_c(after, inputs), evaluate(graph, inputs)["y"])


@pytest.mark.parametrize("wide", [False, True], ids=["int8", "int16"])
def test_dead_channels_go_through_it(wide: bool) -> None:
    """Where the border has fewer values, the constant differs only by rounding, and is the bias of a position."""
    rng = np.random.default_rng(0)
    before, after, bias = ("s16", "s16", "s64") if wide else ("s8", "s8", "s32")
    zero = "+0" if wide else "-9"
    weights = rng.integers(-127, 128, (4, 1, 1, 3))
    weights[[1, 3]] = 0
    graph = graph_of(f"""
graph net
input %x: {before}[1,5,5,3] @0.1+0
{const("w", "s8[4,1,1,3] @0.02+0", weights)}
{const("b", f"{bias}[4] @0.002+0", rng.integers(-500, 500, 4))}
{const("v", "s8[2,1,1,4] @0.02+0", rng.integers(-127, 128, (2, 1, 1, 4)))}
%a: {after}[1,5,5,4] @0.07{zero} = conv2d(%x, %w, %b)
%p: {after}[1,5,5,4] @0.031{zero} = avg_pool2d(%a) {{"kernel": [3, 3], "padding": [1, 1, 1, 1]}}
%y: {after}[1,5,5,2] @0.05{zero} = conv2d(%p, %v)
output %y
""")
    smaller, changes = remove_dead_channels(graph)
    assert changes
    assert smaller.types["p"].shape == (1, 5, 5, 2)
    for seed in range(3):
        inputs = random_inputs(graph, seed)
        np.testing.assert_array_equal(_require_c(smaller, inputs), evaluate(graph, inputs)["y"])
