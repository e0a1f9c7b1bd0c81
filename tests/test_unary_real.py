"""Functions of one value on reals: float meaning is that of ONNX, tables are its results rounded."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from edgeq.evaluate import evaluate, evaluate_float
from edgeq.ir import DType, Graph, Node, Quant, TensorType
from edgeq.ir.tensor import dequantize
from edgeq.ops import OPS
from edgeq.ops.levels import LevelsAttrs
from edgeq.ops.lookup import UnaryAttrs
from edgeq.ops.unary import UNARY, EluAttrs, GeluAttrs, LeakyReluAttrs
from edgeq.ops.unary_real import (
    CeluAttrs,
    ClipAttrs,
    HardSigmoidAttrs,
    PowerAttrs,
    SeluAttrs,
    ShrinkAttrs,
    SiluAttrs,
    ThresholdedReluAttrs,
)

_WITH_PARAMETERS: dict[str, tuple[UnaryAttrs, ...]] = {
    "celu": (CeluAttrs(), CeluAttrs(2.5)),
    "clip": (ClipAttrs(-0.5, 1.25), ClipAttrs(low=0.3), ClipAttrs(high=-1.0), ClipAttrs(2.0, 1.0)),
    "elu": (EluAttrs(), EluAttrs(0.4)),
    "gelu": (GeluAttrs(), GeluAttrs(approximate=True)),
    "hard_sigmoid": (HardSigmoidAttrs(), HardSigmoidAttrs(0.5, 0.4)),
    "leaky_relu": (LeakyReluAttrs(0.1), LeakyReluAttrs(-1.5)),
    "levels": (LevelsAttrs(3.0, 0.5, -4, 5, 1.0, 0.4), LevelsAttrs(1.0, 0.0, -1, 0, -0.5, 2.0, "floor")),
    "power": tuple(PowerAttrs(e) for e in (0.0, 0.5, 2.0, 3.0, -1.0, -1.5)),
    "selu": (SeluAttrs(), SeluAttrs(2.0, 3.0)),
    "shrink": (ShrinkAttrs(), ShrinkAttrs(bias=0.5, lambd=1.5)),
    "silu": (SiluAttrs(), SiluAttrs(1.7)),
    "thresholded_relu": (ThresholdedReluAttrs(), ThresholdedReluAttrs(0.25)),
}
FUNCTIONS: list[tuple[str, UnaryAttrs]] = [
    (op.name, attrs) for op in UNARY for attrs in _WITH_PARAMETERS.get(op.name, (UnaryAttrs(),))
]

_ONNX = {
    "abs": "Abs",
    "acos": "Acos",
    "acosh": "Acosh",
    "asin": "Asin",
    "asinh": "Asinh",
    "atan": "Atan",
    "atanh": "Atanh",
    "ceil": "Ceil",
    "celu": "Celu",
    "cos": "Cos",
    "cosh": "Cosh",
    "elu": "Elu",
    "erf": "Erf",
    "exp": "Exp",
    "floor": "Floor",
    "hard_sigmoid": "HardSigmoid",
    "hard_swish": "HardSwish",
    "leaky_relu": "LeakyRelu",
    "log": "Log",
    "logistic": "Sigmoid",
    "mish": "Mish",
    "neg": "Neg",
    "reciprocal": "Reciprocal",
    "relu": "Relu",
    "round": "Round",
    "selu": "Selu",
    "shrink": "Shrink",
    "sign": "Sign",
    "sin": "Sin",
    "sinh": "Sinh",
    "softplus": "Softplus",
    "softsign": "Softsign",
    "sqrt": "Sqrt",
    "tan": "Tan",
    "tanh": "Tanh",
    "thresholded_relu": "ThresholdedRelu",
}
"""Functions that ONNX has with the same parameters, if any, as attributes."""


def unary_graph(name: str, attrs: UnaryAttrs, x: TensorType, y: TensorType) -> Graph:
    return Graph("net", ("x",), ("y",), (Node("n", name, ("x",), ("y",), attrs),), {"x": x, "y": y})


def label(value: object) -> str | None:
    return str(value).replace(".0)", ")") if isinstance(value, UnaryAttrs) else None


@pytest.mark.parametrize(("name", "attrs"), [f for f in FUNCTIONS if f[0] in _ONNX], ids=label)
def test_float_meaning_is_that_of_onnx(name: str, attrs: UnaryAttrs) -> None:
    """Beyond the domain too, where both give NaN."""
    x = np.concatenate([np.linspace(-12, 12, 4801), [0.0, -0.0, 1e-6, -1e-6, 30.0, -30.0]]).astype(np.float32)
    type_ = TensorType(x.shape, DType.F32)
    found = evaluate_float(unary_graph(name, attrs, type_, type_), [x])["y"]
    np.testing.assert_allclose(found, _onnx(_ONNX[name], attrs, x), rtol=1e-3, atol=1e-7)


def _onnx(operator: str, attrs: UnaryAttrs, x: Any) -> Any:
    onnx = pytest.importorskip("onnx")
    reference = pytest.importorskip("onnx.reference")
    fields = {k: v for k, v in vars(attrs).items() if k != "in_reals"}
    node = onnx.helper.make_node(operator, ["x"], ["y"], **fields)
    port = [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, x.shape) for n in "xy"]
    graph = onnx.helper.make_graph([node], "net", port[:1], port[1:])
    with np.errstate(all="ignore"):
        return reference.ReferenceEvaluator(onnx.helper.make_model(graph)).run(None, {"x": x})[0]


def test_powers_of_negative_bases() -> None:
    x = np.array([-2.0, 0.0, 4.0], np.float32)
    power = OPS["power"].eval_float
    np.testing.assert_array_equal(power(PowerAttrs(3.0), [x])[0], [-8, 0, 64])
    np.testing.assert_array_equal(power(PowerAttrs(0.5), [x])[0], [np.nan, 0, 2])
    np.testing.assert_array_equal(power(PowerAttrs(-1.0), [x])[0], [-0.5, np.inf, 0.25])


def test_clips_in_the_wrong_order() -> None:
    x = np.array([-2.0, 0.0, 4.0], np.float32)
    np.testing.assert_array_equal(OPS["clip"].eval_float(ClipAttrs(2.0, 1.0), [x])[0], [1, 1, 1])


@pytest.mark.parametrize(("name", "attrs"), FUNCTIONS, ids=label)
def test_a_table_in_reals_is_the_rounded_function(name: str, attrs: UnaryAttrs) -> None:
    """For every function, any scales and zero points; where there is a real result at all."""
    rng = np.random.default_rng(len(name))
    integers = np.arange(-128, 128, dtype=np.int8)
    for _ in range(20):
        x = TensorType((256,), DType.S8, Quant.per_tensor(2.0 ** rng.uniform(-9, 0), int(rng.integers(-128, 128))))
        reals = dequantize(integers, x)
        expected = OPS[name].eval_float(attrs, [reals])[0].astype(np.float64)
        finite = expected[np.isfinite(expected)]
        span = max(float(np.percentile(np.abs(finite), 90)) if finite.size else 1.0, 1e-3)
        y = TensorType((256,), DType.S8, Quant.per_tensor(span / 100, int(rng.integers(-128, 128))))
        found = evaluate(unary_graph(name, replace(attrs, in_reals=True), x, y), [integers])["y"]
        wanted = np.clip(expected / y.scale + y.zero_point, -128, 127)
        assert np.nanmax(np.abs(found - wanted), initial=0) <= 0.501


@pytest.mark.parametrize(
    ("name", "attrs", "outside", "edge"),
    [
        ("acos", UnaryAttrs(), (-2.0, 2.0), (math.pi, 0.0)),
        ("acosh", UnaryAttrs(), (-2.0, 0.0), (0.0, 0.0)),
        ("asin", UnaryAttrs(), (-2.0, 2.0), (-math.pi / 2, math.pi / 2)),
        ("atanh", UnaryAttrs(), (-2.0, 2.0), (-math.inf, math.inf)),
        ("log", UnaryAttrs(), (-2.0, 0.0), (-math.inf, -math.inf)),
        ("power", PowerAttrs(0.5), (-2.0, 0.0), (0.0, 0.0)),
        ("power", PowerAttrs(-0.5), (-2.0, 0.0), (math.inf, math.inf)),
        ("reciprocal", UnaryAttrs(), (0.0, 0.5), (math.inf, 2.0)),
        ("rsqrt", UnaryAttrs(), (-2.0, 0.0), (math.inf, math.inf)),
        ("sqrt", UnaryAttrs(), (-2.0, 0.0), (0.0, 0.0)),
    ],
)
def test_integers_beyond_the_domain_count_as_its_edge(
    name: str, attrs: UnaryAttrs, outside: tuple[float, ...], edge: tuple[float, ...]
) -> None:
    x, y = (TensorType((2,), DType.S8, Quant.per_tensor(scale, 0)) for scale in (1 / 32, 1 / 16))
    graph = unary_graph(name, replace(attrs, in_reals=True), x, y)
    found = evaluate(graph, [(np.array(outside) * 32).astype(np.int8)])["y"]
    np.testing.assert_array_equal(found, np.clip(np.rint(np.array(edge) * 16), -128, 127))
