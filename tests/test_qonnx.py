"""Quantizers of QONNX, of 1 to 8 bits: what they mean, and what becomes of them in integers."""

from pathlib import Path
from typing import Any

import kernel_library
import numpy as np
import pytest
from shared import DATASETS, MODELS, requires_shared
from small_onnx import OnnxWriter

import edgeq
from edgeq.errors import EdgeqError
from edgeq.evaluate import evaluate, evaluate_float
from edgeq.frontend import ModelFile, prepare
from edgeq.importers import import_model
from edgeq.ir import DType, Graph
from edgeq.ops.levels import ROUNDINGS, LevelsAttrs
from edgeq.ops.quantize import quantize_array
from edgeq.passes import pipeline, run_passes
from edgeq.program import build_program

Array = np.ndarray[Any, Any]
_F = np.float32
_CLASSES = Path(__file__).parent / "models"


class _Qonnx(OnnxWriter):
    """With the quantizers of QONNX, and what their reference computes."""

    domain = "qonnx.custom_op.general"

    def numbers(self, *values: Any) -> list[str]:
        return [self.constant(np.asarray(value, _F)) for value in values]

    def quant(self, x: str, bits: float, scale: Any = 1.0, zero: float = 0.0, **attributes: Any) -> str:
        attributes = {"signed": 1, "narrow": 1, "rounding_mode": "ROUND", **attributes}
        return self.add("Quant", x, *self.numbers(scale, zero, bits), domain=self.domain, **attributes)

    def bipolar(self, x: str, scale: float = 1.0) -> str:
        return self.add("BipolarQuant", x, *self.numbers(scale), domain="onnx.brevitas")

    def trunc(self, x: str, scale: float, bits: int, kept: int) -> str:
        return self.add("Trunc", x, *self.numbers(scale, 0, bits, kept), domain=self.domain, rounding_mode="FLOOR")

    def floats(self, *shape: int) -> Array:
        return self.rng.normal(size=shape).astype(_F)

    def norm(self, x: str, channels: int, spread: float) -> tuple[str, Any]:
        """A batch normalization, some of whose factors are negative."""
        gamma, beta, mean = self.floats(channels), self.floats(channels), self.floats(channels) * _F(spread)
        variance = self.rng.uniform(0.5, 2, channels).astype(_F) * _F(spread**2)
        y = self.add("BatchNormalization", x, *map(self.constant, (gamma, beta, mean, variance)))

        def compute(reals: Array) -> Array:
            shape = (-1, *[1] * (reals.ndim - 2))
            deviation = np.sqrt(variance.astype(np.float64) + 1e-5).reshape(shape)
            return np.asarray((reals - mean.reshape(shape)) / deviation * gamma.reshape(shape) + beta.reshape(shape))

        return y, compute


def _quantized(x: Array, bits: int, scale: Any = 1.0, *, signed: bool = True, narrow: bool = True) -> Array:
    half = 1 << (bits - 1)
    low, high = (-half + narrow, half - 1) if signed else (0, 2 * half - 1 - narrow)
    return np.asarray(np.rint(np.clip(x / scale, low, high)) * scale)


def _signs(x: Array) -> Array:
    return np.where(x >= 0, 1.0, -1.0)


def _integers(model: bytes) -> Graph:
    """The integer graph, with ports of floats."""
    graph = prepare(ModelFile("net.onnx", model), input_layout="keep").graph
    return run_passes(graph, pipeline(float_ports=True))[0]


def _check(model: bytes, inputs: Array, expected: Array, tolerance: float) -> Graph:
    """Integers, in C too, are the expected reals for every input."""
    graph = _integers(model)
    found = np.stack([evaluate(graph, [x[None]])[graph.outputs[0]][0] for x in inputs])
    np.testing.assert_allclose(found, expected.astype(_F), atol=tolerance, rtol=0)
    done, _ = run_passes(graph)
    program = build_program(done, "net")
    x = np.random.default_rng(9).integers(-128, 128, done.types[done.inputs[0]].shape).astype(np.int8)
    (from_c,) = kernel_library.run(program, [x])
    np.testing.assert_array_equal(from_c.reshape(-1), evaluate(done, [x])[done.outputs[0]].reshape(-1))
    return graph


@pytest.mark.parametrize("activations", [1, 2])
def test_thresholds_are_exact_at_every_sum(activations: int) -> None:
    """Two layers of binary weights, batch normalizations between: not one of 400 inputs differs."""
    m = _Qonnx(3)
    quantize = m.bipolar if activations == 1 else (lambda x: m.quant(x, 2))
    reals = _signs if activations == 1 else (lambda x: _quantized(x, 2))
    weights = [m.floats(16, 24), m.floats(12, 16), m.floats(5, 12)]
    two, one = m.numbers(2.0, 1.0)
    value = quantize(m.add("Sub", m.add("Mul", "x", two), one))
    norms = []
    for matrix, spread in zip(weights[:2], (4, 3), strict=True):
        rows = m.add("Transpose", m.bipolar(m.constant(matrix)), perm=[1, 0])
        value, norm = m.norm(m.add("MatMul", value, rows), len(matrix), spread)
        value = quantize(value)
        norms.append(norm)
    rows = m.add("Transpose", m.bipolar(m.constant(weights[2])), perm=[1, 0])
    model = m.build({"x": (1, 24)}, [m.add("MatMul", value, rows)])

    inputs = np.random.default_rng(0).integers(0, 256, (400, 24)).astype(_F) / 255
    hidden = reals(2 * inputs.astype(np.float64) - 1)
    for matrix, norm in zip(weights[:2], norms, strict=True):
        hidden = reals(norm(hidden @ _signs(matrix).T))
    graph = _check(model, inputs, hidden @ _signs(weights[2]).T, 0.01)
    stored = [graph.types[v].dtype for v in graph.constants if graph.types[v].shape in {(16, 24), (12, 16), (5, 12)}]
    assert stored == [DType.B1] * 3


@pytest.mark.parametrize(("bits", "dtype"), [(2, DType.S2), (3, DType.S3), (4, DType.S4), (5, DType.S8), (8, DType.S8)])
def test_layers_of_any_width(bits: int, dtype: DType) -> None:
    """A convolution with padding, per channel, behind it an activation without sign."""
    m = _Qonnx(bits)
    weights, bias = m.floats(4, 3, 3, 3), m.floats(4)
    scales = (np.abs(weights).max(axis=(1, 2, 3), keepdims=True) / (2.0 ** (bits - 1) - 0.5)).astype(_F)
    x = m.quant("x", 8, 1 / 64)
    y = m.add("Conv", x, m.quant(m.constant(weights), bits, scales), m.constant(bias), pads=[1, 1, 1, 1])
    step = _F(0.4)
    y = m.quant(m.add("Relu", y), bits, step, signed=0, narrow=0)
    model = m.build({"x": (1, 3, 5, 6)}, [y])
    graph = _integers(model)
    assert dtype in {graph.types[v].dtype for v in graph.constants}

    inputs = np.random.default_rng(1).integers(-127, 128, (40, 3, 5, 6)).astype(_F) / 64
    padded = np.pad(inputs.astype(np.float64), ((0, 0), (0, 0), (1, 1), (1, 1)))
    patches = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    sums = np.einsum("nchwyx,ocyx->nohw", patches, _quantized(weights, bits, scales)) + bias.reshape(-1, 1, 1)
    expected = _quantized(np.maximum(sums, 0), bits, step, signed=False, narrow=False)
    found = np.stack([evaluate(graph, [x[None]])[graph.outputs[0]][0] for x in inputs])
    off = np.abs(found - expected.astype(_F)) / step
    assert off.max() < 1.01  # a bias is rounded to steps of the sums, which moves what lies beside a threshold
    assert (off > 0.5).mean() < 0.02
    _check(model, inputs[:1], found[:1], 0)


@pytest.mark.parametrize("rounding", ["ROUND", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN"])
def test_weights_are_rounded_as_the_file_says(rounding: str) -> None:
    m = _Qonnx()
    reals = np.array([[-2.5, -1.5, -0.7, -0.5], [0.2, 0.5, 1.5, 9.0]], _F)
    rows = m.add("Transpose", m.quant(m.constant(reals), 4, rounding_mode=rounding), perm=[1, 0])
    graph = import_model(m.build({"x": (1, 4)}, [m.add("MatMul", "x", rows)]), "net.onnx")
    name = {"ROUND": "half_even"}.get(rounding, rounding.lower())
    expected = ROUNDINGS[name](np.clip(reals, -7, 7))
    x = np.eye(4, dtype=_F)
    found = np.stack([evaluate_float(graph, [row[None]])[graph.outputs[0]][0] for row in x])
    np.testing.assert_array_equal(found, expected.T)


def test_trunc_drops_the_lowest_bits() -> None:
    m = _Qonnx()
    y = m.trunc(m.quant("x", 8, 0.5, signed=0, narrow=0), 0.5, 8, 4)
    inputs = np.arange(0, 256).reshape(16, 16).astype(_F) / 2
    _check(m.build({"x": (1, 16)}, [y]), inputs, np.floor(inputs * 2 / 16) * 0.5, 0)


def test_a_sum_that_switches_its_sign_at_zero_is_positive_there() -> None:
    m = _Qonnx()
    rows = m.add("Transpose", m.bipolar(m.constant(np.ones((3, 2), _F))), perm=[1, 0])
    sums = m.bipolar(m.add("MatMul", m.bipolar("x"), rows))
    inputs = np.array([[1, -1], [-1, -1], [0, 0], [-1, 1]], _F)
    _check(m.build({"x": (1, 2)}, [sums]), inputs, np.array([[1] * 3, [-1] * 3, [1] * 3, [1] * 3]), 0)


def test_a_threshold_close_beside_a_sum_is_on_the_right_side() -> None:
    """Biases in steps of the sums alone, 1/64 here, would miss both."""
    m = _Qonnx()
    rows = m.add("Transpose", m.bipolar(m.constant(np.ones((2, 4), _F))), perm=[1, 0])
    bias = np.array([-1.497, -1.503], _F)
    sums = m.add("Add", m.add("MatMul", m.quant("x", 2), rows), m.constant(bias))
    inputs = np.array([[1, 1, 0, 0], [1, 1, -1, 0], [1, 1, 1, 0], [-1, 0, 0, 0]], _F)
    expected = _quantized(inputs.sum(axis=1, keepdims=True) + bias, 2)
    assert expected[0].tolist() == [1, 0]
    _check(m.build({"x": (1, 4)}, [m.quant(sums, 2)]), inputs, expected, 0)


def test_levels_are_rounded_as_numpy_rounds() -> None:
    attrs = LevelsAttrs(2.0, 0.0, -3, 3, 0.0, 0.5)
    np.testing.assert_array_equal(attrs.real(np.array([0.25, 0.75, 9, -9.0])), [0, 1, 1.5, -1.5])
    assert attrs.count == 7


def test_weights_far_beyond_their_integers_saturate() -> None:
    m = _Qonnx()
    rows = m.quant(m.constant(np.array([[3e38, -3e38]], _F)), 4, 1e-3)
    graph = import_model(m.build({"x": (1, 1)}, [m.add("MatMul", "x", rows)]), "net.onnx")
    found = evaluate_float(graph, [np.ones((1, 1), _F)])[graph.outputs[0]]
    np.testing.assert_allclose(found, [[7e-3, -7e-3]])


def _weights(m: _Qonnx, *arguments: Any, **attributes: Any) -> str:
    return m.add("MatMul", m.quant("x", 8), m.quant(m.constant(np.ones((4, 2), _F)), *arguments, **attributes))


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda m: _weights(m, 9), "a bit width of 9; accepted: 1 to 8"),
        (lambda m: _weights(m, 2.5), "a bit width of 2.5; accepted: 1 to 8"),
        (lambda m: m.quant("x", 4, 1e-37), "a scale of 1e-37 of a value computed at run time; accepted: 3.0"),
        (lambda m: _weights(m, 4, 0.0), "the scale is 0; accepted: finite numbers above 0"),
        (lambda m: _weights(m, 4, np.ones((3, 1))), r"scales \[3, 1\] for weights \[4, 2\]; accepted: one, or one per"),
        (lambda m: _weights(m, 4, np.ones((4, 2))), r"scales \[4, 2\] for weights \[4, 2\]; accepted: one, or one per"),
        (lambda m: _weights(m, 4, 1.0, 0.5), "zero points that differ or are no integers"),
        (lambda m: _weights(m, 1, 1.0, 0.0, signed=0), "one bit|narrow, which has one level"),
        (lambda m: _weights(m, 4, rounding_mode="STOCHASTIC"), "rounding_mode STOCHASTIC; accepted: ROUND, HALF_EVEN"),
        (lambda m: _weights(m, 8, signed=0, narrow=0, scale=1 / 255), "accepted: what 8 bits with sign hold"),
        (lambda m: m.quant("x", 4, np.ones(4)), "4 scales of a value computed at run time; accepted: one"),
        (lambda m: m.quant("x", 4, rounding_mode="FLOOR"), "rounding_mode FLOOR of a value computed at run time"),
        (lambda m: m.quant("x", 4, 1.0, 99), "a zero point beyond the quantizer's own integers"),
        (lambda m: m.trunc("x", 1.0, 10, 8), "a bit width of 10; accepted: 1 to 8"),
        (lambda m: m.trunc("x", 1.0, 4, 8), "to 8 bits; accepted: up to 8, 0, to less"),
    ],
)
def test_other_quantizers_are_refused_in_words(build: Any, says: str) -> None:
    m = _Qonnx()
    with pytest.raises(EdgeqError, match=says):
        import_model(m.build({"x": (1, 4)}, [build(m)]), "net.onnx")


@requires_shared
@pytest.mark.parametrize(("name", "right"), [("tfc_1w1a", 913), ("tfc_1w2a", 938)])
def test_networks_of_brevitas_find_the_classes_that_their_reference_finds(name: str, right: int) -> None:
    """The C, on 1,000 digits; expected is what the package qonnx 1.0 computes from the same file."""
    expected = np.array([int(c) for c in (_CLASSES / f"{name}_classes.txt").read_text().strip()])
    digits = np.load(DATASETS / "mnist.npz")
    model = edgeq.compile(MODELS / f"{name}.qonnx.onnx")
    graph, (port,) = model.program.graph, model.program.inputs
    assert [graph.types[v].dtype for v in graph.constants].count(DType.B1) == 4
    inputs = quantize_array(digits["x"][:1000].astype(_F).reshape(-1, *port.type.shape) / 255, port.type)
    found = np.array([model.host.run([x])[0].argmax() for x in inputs])
    np.testing.assert_array_equal(found, expected)
    assert (found == digits["y"][:1000]).sum() == right
