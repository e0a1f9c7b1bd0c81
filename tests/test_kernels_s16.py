"""Ops on int16: the evaluation is C bit for bit, with either rounding, is TFLM's where TFLM has it, and is true."""

from collections.abc import Sequence
from typing import Any

import kernel_library
import numpy as np
import oracle
import pytest
from cases.case import random_s16
from shared import DATASETS, MODELS, requires_shared
from tflite_writer import TfliteWriter

from edgeq.errors import Refusal
from edgeq.evaluate import evaluate, evaluate_float, lower_node
from edgeq.fixedpoint import Rounding
from edgeq.importers import import_model
from edgeq.ir import DType, Graph, Node, Quant, TensorType
from edgeq.ir.tensor import dequantize
from edgeq.ops import OPS
from edgeq.ops.arg_max import ArgMaxAttrs
from edgeq.ops.gather import GatherAttrs
from edgeq.ops.l2_normalize import L2NormalizeAttrs
from edgeq.ops.mirror_pad import MirrorPadAttrs
from edgeq.ops.pad import PadAttrs
from edgeq.ops.pool import AvgPool2dAttrs, MaxPool2dAttrs
from edgeq.ops.quantize import DequantizeAttrs, QuantizeAttrs
from edgeq.ops.reduce import ReduceAttrs
from edgeq.ops.requantize import RequantizeAttrs
from edgeq.ops.resize import ResizeAttrs
from edgeq.ops.softmax import LogSoftmaxAttrs, SoftmaxAttrs
from edgeq.program import build_program

S8, S16, S32, F32 = DType.S8, DType.S16, DType.S32, DType.F32
_SEEDS = range(12)


def _quant(scale: float, zero_point: int = 0) -> Quant:
    return Quant.per_tensor(scale, zero_point)


def _graph(op: str, attrs: Any, types: Sequence[TensorType], dtype: DType, quant: Quant | None) -> Graph:
    names = tuple(f"x{i}" for i in range(len(types)))
    (shape,) = OPS[op].infer(attrs, types)
    values = dict(zip(names, types, strict=True)) | {"y": TensorType(shape, dtype, quant)}
    return Graph("net", names, ("y",), (Node("n", op, names, ("y",), attrs),), values)


def _both(graph: Graph, inputs: Sequence[Any]) -> Any:
    """The result of the evaluation, which that of C is too; of two roundings."""
    for rounding in (Rounding.SINGLE, Rounding.DOUBLE):
        rounded = graph.with_(rounding=rounding)
        found = evaluate(rounded, inputs)["y"]
        np.testing.assert_array_equal(kernel_library.run(build_program(rounded, "net"), inputs)[0], found)
    return found


def _error(graph: Graph, inputs: Sequence[Any]) -> float:
    """The largest distance to the reals, in steps of the output."""
    found = _both(graph, inputs)
    types = [graph.types[name] for name in graph.inputs]
    reals = evaluate_float(graph, [dequantize(x, t) for x, t in zip(inputs, types, strict=True)])["y"]
    y = graph.types["y"]
    wanted = np.clip(reals.astype(np.float64) / y.scale + y.zero_point, *y.dtype.range)
    return float(np.abs(found - wanted).max())


@pytest.mark.parametrize("seed", _SEEDS)
@pytest.mark.parametrize("op", ["avg_pool2d", "max_pool2d"])
def test_pools(op: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = tuple(int(n) for n in rng.integers(3, 8, 2))
    x = TensorType((2, *size, 3), S16, _quant(0.01))
    pads = tuple(int(n) for n in rng.integers(0, 2, 4))
    attrs = {"kernel": (2, 3), "stride": (int(rng.integers(1, 3)), 1), "padding": pads}
    graph = _graph(op, (AvgPool2dAttrs if op[0] == "a" else MaxPool2dAttrs)(**attrs), [x], S16, x.quant)
    assert _error(graph, [random_s16(rng, x.shape)]) <= 0.51


@pytest.mark.parametrize("seed", _SEEDS)
@pytest.mark.parametrize("op", ["mean", "sum", "reduce_max", "reduce_min"])
def test_reductions(op: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(1, 6, 4))
    axes = tuple(sorted(rng.choice(4, rng.integers(1, 4), replace=False).tolist()))
    zero_point = int(rng.integers(-32768, 32768)) if seed % 2 else 0
    x = TensorType(shape, S16, _quant(0.01, zero_point))
    arithmetic = op in ("mean", "sum")
    factor = np.sqrt(np.prod([shape[a] for a in axes])) if op == "sum" else 1.0
    quant = _quant(0.01 * factor * rng.uniform(0.5, 2), zero_point) if arithmetic else x.quant
    graph = _graph(op, ReduceAttrs(axes, keep_dims=bool(seed % 3)), [x], S16, quant)
    assert _error(graph, [random_s16(rng, shape)]) <= (0.8 if arithmetic else 0.01)


@pytest.mark.parametrize("seed", _SEEDS)
@pytest.mark.parametrize("index", [DType.S32, DType.S64])
@pytest.mark.parametrize("op", ["arg_max", "arg_min"])
def test_arg_max(op: str, index: DType, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = TensorType((3, 5, 4), S16, _quant(0.01))
    values = random_s16(rng, x.shape)
    axis = seed % 3
    found = _both(_graph(op, ArgMaxAttrs(axis), [x], index, None), [values])
    np.testing.assert_array_equal(found, (np.argmax if op == "arg_max" else np.argmin)(values, axis))


@pytest.mark.parametrize("seed", _SEEDS)
@pytest.mark.parametrize("op", ["resize_nearest", "resize_bilinear"])
def test_resizes(op: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = TensorType((2, 4, 5, 3), S16, _quant(0.01))
    attrs = ResizeAttrs((8, 10), align_corners=seed % 3 == 1, half_pixel_centers=seed % 3 == 2)
    graph = _graph(op, attrs, [x], S16, x.quant)
    slack = 700.0 if attrs.align_corners else 0.01  # places are rounded to 1/1024 of a pixel
    assert _error(graph, [random_s16(rng, x.shape)]) <= (0.5 + slack if op == "resize_bilinear" else 0.01)


@pytest.mark.parametrize("seed", _SEEDS)
@pytest.mark.parametrize(("before", "after"), [(S8, S16), (S16, S8), (S16, S16)])
def test_requantize(before: DType, after: DType, seed: int) -> None:
    rng = np.random.default_rng(seed)
    every = np.arange(before.range[0], before.range[1] + 1).astype(before.numpy)
    x = TensorType(every.shape, before, _quant(0.01, int(rng.integers(*before.range))))
    ratio = x.dtype.range[1] / after.range[1] * 2.0 ** rng.uniform(-2, 2)
    y = _quant(x.scale * ratio, int(rng.integers(*after.range)))
    assert _error(_graph("requantize", RequantizeAttrs(), [x], after, y), [every]) <= 1.0


@pytest.mark.parametrize("zero_point", [0, -32768, 5])
def test_float_ports(zero_point: int) -> None:
    rng = np.random.default_rng(0)
    quant = _quant(0.003, zero_point)
    reals = np.append(rng.normal(0, 60, 500), [np.nan, np.inf, -np.inf, 1e30]).astype(np.float32)
    x = TensorType(reals.shape, F32)
    found = _both(_graph("quantize", QuantizeAttrs(), [x], S16, quant), [reals])
    np.testing.assert_array_equal(found[-4:], [-32768, 32767, -32768, 32767])
    integers = TensorType(found.shape, S16, quant)
    back = _both(_graph("dequantize", DequantizeAttrs(), [integers], F32, None), [found])
    inside = np.abs(reals[:-4] / 0.003 + zero_point) < 32767
    assert np.abs(back - reals)[:-4][inside].max() <= 0.00151


@pytest.mark.parametrize("seed", range(40))
def test_softmax_to_s8_is_true(seed: int) -> None:
    rng = np.random.default_rng(seed)
    depth = int(rng.choice([1, 2, 10, 100, 1000, 4095]))
    x = TensorType((4, depth), S16, _quant(2.0 ** rng.uniform(-14, 0)))
    graph = _graph("softmax", SoftmaxAttrs(float(rng.uniform(0.5, 2))), [x], S8, _quant(2.0**-8, -128))
    spread = 10 ** rng.uniform(1, 4.4)
    values = np.clip(rng.normal(0, spread, x.shape), -32768, 32767).astype(np.int16)
    assert _error(graph, [values]) <= 0.51 + depth / 40000  # the sum is in Q12


@pytest.mark.parametrize("seed", range(40))
def test_softmax_to_s16_is_that_of_tflm(seed: int) -> None:
    rng = np.random.default_rng(seed)
    depth = int(rng.choice([1, 2, 10, 100, 1000]))
    m = TfliteWriter()
    x = m.tensor((4, depth), np.int16, scale=2.0 ** rng.uniform(-14, 2))
    y = m.tensor((4, depth), np.int16, scale=2.0**-15)
    m.operator("SOFTMAX", [x], [y], "SoftmaxOptions", beta=1.0)
    data = m.build([x], [y])
    graph = import_model(data, "softmax.tflite")
    values = np.clip(rng.normal(0, 10 ** rng.uniform(1, 4.4), (4, depth)), -32768, 32767).astype(np.int16)
    found = evaluate(graph, [values])[graph.outputs[0]]
    np.testing.assert_array_equal(found, oracle.run_tflm(data, [values])[0])
    for rounding in Rounding:
        rounded = graph.with_(rounding=rounding)
        expected = evaluate(rounded, [values])[graph.outputs[0]]
        np.testing.assert_array_equal(kernel_library.run(build_program(rounded, "net"), [values])[0], expected)
    reals = evaluate_float(graph, [dequantize(values, graph.types[graph.inputs[0]])])[graph.outputs[0]]
    assert np.abs(found / 32768 - reals).max() <= 2e-4 + depth * 7e-5  # differences beyond 10 count as 10


def test_softmax_refusals() -> None:
    for scale, depth, dtype, quant, sentence in (
        (5.0, 3, S16, _quant(2.0**-15), "less than 5"),
        (2.0**-27, 3, S8, _quant(2.0**-8, -128), "more than"),
        (1.0, 4096, S8, _quant(2.0**-8, -128), "up to 4095"),
        (1.0, 65536, S16, _quant(2.0**-15), "up to 65535"),
        (1.0, 3, S16, _quant(2.0**-16), "accepted: scale and zero point"),
    ):
        x = TensorType((1, depth), S16, _quant(scale))
        graph = _graph("softmax", SoftmaxAttrs(), [x], dtype, quant)
        with pytest.raises(Refusal, match=sentence):
            lower_node(graph, graph.nodes[0])


def test_sums_that_do_not_fit_are_refused() -> None:
    graph = _graph("sum", ReduceAttrs((0,)), [TensorType((32769,), S16, _quant(1.0))], S16, _quant(1.0))
    with pytest.raises(Refusal, match="accepted: up to 32768"):
        lower_node(graph, graph.nodes[0])
    graph = _graph("sum", ReduceAttrs((0,)), [TensorType((32768,), S16, _quant(1.0, 32767))], S16, _quant(2.0**16))
    assert _error(graph, [np.full(32768, -32768, np.int16)]) <= 0.5


def test_movers_take_int16() -> None:
    rng = np.random.default_rng(0)
    x = TensorType((2, 4, 5), S16, _quant(0.01, 7))
    values = random_s16(rng, x.shape)
    pads = (0, 1, 2), (1, 2, 0)
    found = _both(_graph("pad", PadAttrs(*pads), [x], S16, x.quant), [values])
    np.testing.assert_array_equal(found, np.pad(values, tuple(zip(*pads, strict=True)), constant_values=7))
    found = _both(_graph("mirror_pad", MirrorPadAttrs(*pads, reflect=False), [x], S16, x.quant), [values])
    np.testing.assert_array_equal(found, np.pad(values, tuple(zip(*pads, strict=True)), mode="symmetric"))
    indices = np.array([3, 0, 1], np.int32)
    found = _both(_graph("gather", GatherAttrs(1), [x, TensorType((3,), S32)], S16, x.quant), [values, indices])
    np.testing.assert_array_equal(found, values[:, indices])


def _pool_model(name: str, rng: np.random.Generator) -> tuple[bytes, tuple[int, ...]]:
    m = TfliteWriter()
    shape = (2, 6, 7, 3)
    x = m.tensor(shape, np.int16, scale=0.01)
    y = m.tensor((2, 3, 4, 3), np.int16, scale=0.01)
    options = {"filterHeight": 3, "filterWidth": 2, "strideH": 2, "strideW": 2, "padding": 0}
    m.operator(name, [x], [y], "Pool2DOptions", fusedActivationFunction=int(rng.integers(0, 4)), **options)
    return m.build([x], [y]), shape


def _mean_model(name: str, rng: np.random.Generator) -> tuple[bytes, tuple[int, ...]]:
    m = TfliteWriter()
    shape = (2, 6, 7, 3)
    x = m.tensor(shape, np.int16, scale=0.01)
    axes = m.constant(np.array([1, 2], np.int32))
    y = m.tensor((2, 3), np.int16, scale=float(rng.uniform(0.002, 0.02)) * (6 if name == "SUM" else 1))
    m.operator(name, [x, axes], [y], "ReducerOptions", keepDims=False)
    return m.build([x], [y]), shape


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("name", ["AVERAGE_POOL_2D", "MAX_POOL_2D", "MEAN", "SUM"])
def test_pools_and_means_equal_tflm(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    data, shape = (_pool_model if "POOL" in name else _mean_model)(name, rng)
    values = random_s16(rng, shape)
    graph = import_model(data, "model.tflite")
    found = evaluate(graph, [values])[graph.outputs[0]]
    np.testing.assert_array_equal(found, oracle.run_tflm(data, [values])[0])


@requires_shared
def test_elementwise_ops_of_16x8_models() -> None:
    with np.load(DATASETS / "seanet_16x8_ops.npz") as ops:
        stems = [n.removesuffix(".tflite") for n in ops.files if n.endswith(".tflite") and n.startswith(("add", "sub"))]
        for stem in stems:
            graph = import_model(ops[f"{stem}.tflite"].tobytes(), stem)
            inputs = [
                ops[f"{stem}.input{i}_int16"].reshape(graph.types[name].shape) for i, name in enumerate(graph.inputs)
            ]
            for found in (
                evaluate(graph, inputs)[graph.outputs[0]],
                kernel_library.run(build_program(graph, "net"), inputs)[0],
            ):
                np.testing.assert_array_equal(found.reshape(-1), ops[f"{stem}.golden_int16"], err_msg=stem)
    assert len(stems) == 11


@requires_shared
def test_a_16x8_add_of_litert() -> None:
    data = (MODELS / "litert_add_a16w8.tflite").read_bytes()
    graph = import_model(data, "add.tflite")
    rng = np.random.default_rng(0)
    inputs = [random_s16(rng, graph.types[name].shape) for name in graph.inputs]
    found = kernel_library.run(build_program(graph, "net"), inputs)[0]
    np.testing.assert_array_equal(found, oracle.run_tflm(data, inputs)[0])


def _require_c_in_every_rounding(graph: Graph, inputs: Sequence[Any]) -> None:
    for rounding in Rounding:
        rounded = graph.with_(rounding=rounding)
        found = evaluate(rounded, inputs)["y"]
        np.testing.assert_array_equal(kernel_library.run(build_program(rounded, "net"), inputs)[0], found)


def _rows(rng: np.random.Generator, shape: tuple[int, int]) -> Any:
    """int16 of any spread: rows of nearly equal elements, rows of extremes, and one of zeros."""
    x = np.clip(rng.normal(0, 10 ** rng.uniform(-1, 5), shape), -32768, 32767).astype(np.int16)
    x[-1] = 0
    return x


@pytest.mark.parametrize("seed", range(40))
def test_log_softmax_is_true(seed: int) -> None:
    rng = np.random.default_rng(seed)
    depth = int(rng.choice([1, 2, 10, 100, 1000, 20000]))
    x = TensorType((3, depth), S16, _quant(2.0 ** rng.uniform(-20, 5), int(rng.integers(-9, 9))))
    graph = _graph("log_softmax", LogSoftmaxAttrs(), [x], S16, _quant(2.0**-10))
    values = _rows(rng, x.shape)
    assert _error(graph, [values]) <= 0.6
    _require_c_in_every_rounding(graph, [values])


@pytest.mark.parametrize("seed", range(40))
def test_l2_normalize_is_true(seed: int) -> None:
    rng = np.random.default_rng(seed)
    depth = int(rng.choice([1, 2, 10, 100, 1000, 20000]))
    x = TensorType((3, depth), S16, _quant(2.0 ** rng.uniform(-20, 5), int(rng.choice([0, 0, -32768, 32767, 100]))))
    graph = _graph("l2_normalize", L2NormalizeAttrs(), [x], S16, _quant(2.0**-15))
    values = _rows(rng, x.shape)
    assert _error(graph, [values]) <= 1.0
    _require_c_in_every_rounding(graph, [values])


@pytest.mark.parametrize(("op", "attrs"), [("log_softmax", LogSoftmaxAttrs()), ("l2_normalize", L2NormalizeAttrs())])
def test_the_output_of_a_normalization_is_fixed(op: str, attrs: Any) -> None:
    x = TensorType((3, 4), S16, _quant(0.01))
    for dtype, sentence in ((S8, "output is s8; accepted: s16"), (S16, "accepted: scale and zero point")):
        graph = _graph(op, attrs, [x], dtype, _quant(0.01))
        with pytest.raises(Refusal, match=sentence):
            lower_node(graph, graph.nodes[0])
