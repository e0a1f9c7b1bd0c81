"""Float TFLite models: what edgeq evaluates in reals is what LiteRT computes in float32, operator by operator."""

from collections.abc import Callable, Sequence
from typing import Any

import float_twin
import numpy as np
import oracle
import pytest
from cases import CASES
from cases.case import Case
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tflite_writer import TfliteWriter

from edgeq.errors import EdgeqError, UnsupportedModelError
from edgeq.evaluate import evaluate_float
from edgeq.importers.tflite import CONVERTERS, import_tflite
from edgeq.ir import Graph

_settings = settings(
    max_examples=15, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
_BORDERS = {"QUANTIZE", "DEQUANTIZE"}
_NOT_REFERENCE = {"CEIL", "ELU", "ROUND"}
"""What BUILTIN_REF lacks."""


def _reals(case: Case) -> list[Any]:
    """A quantized case's inputs, as reals where its float twin has reals."""
    graph = float_twin.read(case.model).subgraphs[0]
    tensors = [graph.tensors[i] for i in graph.inputs]
    return [
        float_twin.dequantized(t, x) if float_twin.is_quantized(t) else x
        for t, x in zip(tensors, case.inputs, strict=True)
    ]


def _evaluated(graph: Graph, inputs: Sequence[Any]) -> list[Any]:
    values = evaluate_float(graph, inputs)
    return [values[v] for v in graph.outputs]


def _litert(model: bytes, inputs: Sequence[Any], *, reference: bool = True) -> tuple[Any, ...]:
    """LiteRT's outputs; not an example where its float kernels have limits that the int8 ones do not have."""
    try:
        run = oracle.Litert(model, reference=reference)
    except RuntimeError as error:
        assume("failed to prepare" not in str(error))
        raise
    return run(inputs)


def _require_close(found: Sequence[Any], expected: Sequence[Any], summed: Sequence[Any] = ()) -> None:
    """`summed` are inputs whose sums of products may be far larger than what a fused clamp leaves of them."""
    rounding = 1e-6 * max((float(np.abs(x).max()) for x in summed), default=0)
    for f, e in zip(found, expected, strict=True):
        largest = np.abs(e[np.isfinite(e)], dtype=np.float64).max(initial=0)
        np.testing.assert_allclose(f.reshape(-1), e.reshape(-1), rtol=1e-5, atol=2e-5 * largest + rounding)


@pytest.mark.parametrize("name", sorted(CASES.keys() - _BORDERS))
@_settings
@given(data=st.data())
def test_the_float_twin_of_every_case(name: str, data: st.DataObject) -> None:
    case = data.draw(CASES[name])
    model, inputs = float_twin.twin(case.model), _reals(case)
    expected = _litert(model, inputs, reference=name not in _NOT_REFERENCE)
    graph = import_tflite(model, f"{name}.tflite")
    assert not any(t.quant for t in graph.types.values())
    with np.errstate(all="ignore"):
        _require_close(_evaluated(graph, inputs), expected, inputs if name in _WEIGHTED else ())


_WEIGHTED = ["BATCH_MATMUL", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"]
_LARGEST_HALF = 65504


def _with_constant_weights(name: str) -> st.SearchStrategy[Case]:
    return CASES[name].filter(lambda c: len(c.inputs) == 1)


@pytest.mark.parametrize("name", _WEIGHTED)
@_settings
@given(data=st.data())
def test_float16_weights_behind_dequantize(name: str, data: st.DataObject) -> None:
    case = data.draw(_with_constant_weights(name))
    full = float_twin.twin(case.model)
    assume(float_twin.largest_constant(full) <= _LARGEST_HALF)
    model, inputs = float_twin.with_halves(full), _reals(case)
    expected = _litert(model, inputs)
    graph = import_tflite(model, "half.tflite")
    assert "dequantize" not in {node.op for node in graph.nodes}
    with np.errstate(all="ignore"):
        _require_close(_evaluated(graph, inputs), expected, inputs)


@pytest.mark.parametrize("name", _WEIGHTED)
@_settings
@given(data=st.data())
def test_integer_weights_between_floats_are_the_reals_they_stand_for(name: str, data: st.DataObject) -> None:
    """Dynamic-range files: LiteRT also rounds the activations, which is no part of the model's meaning."""
    case = data.draw(_with_constant_weights(name))
    hybrid = float_twin.twin(case.model, wanted=lambda t: t.type != _INT8 or t.buffer == 0)
    found, expected = (import_tflite(m, "net.tflite") for m in (hybrid, float_twin.twin(case.model)))
    assert {str(t) for t in found.types.values()} == {str(t) for t in expected.types.values()}
    for ours, theirs in zip(_evaluated(found, _reals(case)), _evaluated(expected, _reals(case)), strict=True):
        np.testing.assert_array_equal(ours, theirs)


_INT8 = 9
"""Of the schema's `TensorType`."""

_Rng = np.random.Generator
_F32 = np.float32


def _net(
    name: str, operands: Sequence[Any], shape: Sequence[int], *options: Any, constant: Sequence[int] = (), **fields: Any
) -> tuple[bytes, list[Any]]:
    """A model of one operator on operands, some of them constants, and its inputs."""
    m = TfliteWriter()
    tensors = [m.constant(x) if i in constant else m.tensor(x.shape, x.dtype) for i, x in enumerate(operands)]
    y = m.tensor(shape, _F32)
    m.operator(name, tensors, [y], *options, **fields)
    inputs = [i for i in range(len(operands)) if i not in constant]
    return m.build([tensors[i] for i in inputs], [y]), [operands[i] for i in inputs]


def _normal(rng: _Rng, *shape: int) -> Any:
    return rng.standard_normal(shape).astype(_F32)


def _away_from_zero(rng: _Rng, *shape: int) -> Any:
    return (rng.uniform(0.1, 3, shape) * rng.choice([-1, 1], shape)).astype(_F32)


def _div(rng: _Rng, *shape: int, constant: Sequence[int] = (), fused: int = 0) -> tuple[bytes, list[Any]]:
    operands = [_normal(rng, *shape), _away_from_zero(rng, *shape[1:])]
    return _net("DIV", operands, shape, "DivOptions", constant=constant, fusedActivationFunction=fused)


def _pow(rng: _Rng, exponent: float) -> tuple[bytes, list[Any]]:
    base = rng.uniform(0.1, 3, (2, 5)).astype(_F32)
    return _net("POW", [base, np.full(1, exponent, _F32)], (2, 5), "PowOptions", constant=[1])


def _add_n(rng: _Rng, count: int) -> tuple[bytes, list[Any]]:
    return _net("ADD_N", [_normal(rng, 3, 4) for _ in range(count)], (3, 4), "AddNOptions")


def _l2_pool(rng: _Rng, padding: int, shape: Sequence[int], fused: int = 0) -> tuple[bytes, list[Any]]:
    geometry = {"strideW": 2, "strideH": 2, "filterWidth": 3, "filterHeight": 2, "padding": padding}
    options = {**geometry, "fusedActivationFunction": fused}
    return _net("L2_POOL_2D", [_normal(rng, 1, 5, 6, 2)], shape, "Pool2DOptions", **options)


def _runtime_weights(rng: _Rng, fused: int) -> tuple[bytes, list[Any]]:
    operands = [_normal(rng, 2, 4), _normal(rng, 3, 4), _normal(rng, 3)]
    return _net("FULLY_CONNECTED", operands, (2, 3), "FullyConnectedOptions", fusedActivationFunction=fused)


_FLOATS_ONLY: dict[str, tuple[Callable[[_Rng], tuple[bytes, list[Any]]], ...]] = {
    "DIV": (
        lambda rng: _div(rng, 3, 4),
        lambda rng: _div(rng, 2, 3, 4, constant=[1]),
        lambda rng: _div(rng, 3, 4, constant=[0]),
        lambda rng: _div(rng, 3, 4, fused=1),
    ),
    "POW": tuple(lambda rng, e=e: _pow(rng, e) for e in (-1.0, -0.5, 0.0, 0.5, 1.0, 1.7, 2.0, 3.0)),
    "ADD_N": tuple(lambda rng, n=n: _add_n(rng, n) for n in (2, 3, 5)),
    "CAST": (lambda rng: _net("CAST", [_normal(rng, 2, 3)], (2, 3), "CastOptions"),),
    "L2_POOL_2D": (
        lambda rng: _l2_pool(rng, 0, (1, 3, 3, 2)),
        lambda rng: _l2_pool(rng, 1, (1, 2, 2, 2)),
        lambda rng: _l2_pool(rng, 1, (1, 2, 2, 2), fused=1),
    ),
    "FULLY_CONNECTED": tuple(lambda rng, f=f: _runtime_weights(rng, f) for f in range(4)),
}


@pytest.mark.parametrize(("name", "case"), [(n, i) for n, cases in _FLOATS_ONLY.items() for i in range(len(cases))])
def test_what_only_float_models_have(name: str, case: int) -> None:
    model, inputs = _FLOATS_ONLY[name][case](np.random.default_rng(0))
    graph = import_tflite(model, f"{name}.tflite")
    _require_close(_evaluated(graph, inputs), oracle.run_litert(model, inputs))


@pytest.mark.parametrize(
    ("exponent", "op"), [(-1.0, "reciprocal"), (-0.5, "rsqrt"), (0.5, "sqrt"), (2.0, "square"), (3.0, "power")]
)
def test_some_powers_are_ops_of_their_own(exponent: float, op: str) -> None:
    model, _ = _pow(np.random.default_rng(0), exponent)
    assert [node.op for node in import_tflite(model, "net.tflite").nodes] == [op]


def test_every_operator_for_floats_is_tested() -> None:
    assert {name for name, converter in CONVERTERS.items() if converter.floats_only} <= _FLOATS_ONLY.keys()


_FUSING = {"ADD": "AddOptions", "SUB": "SubOptions", "MUL": "MulOptions", "DIV": "DivOptions"}


@pytest.mark.parametrize("name", _FUSING)
def test_a_fused_tanh_is_a_node(name: str) -> None:
    """LiteRT leaves it out, or refuses it; the schema says what it is."""
    operands = [_away_from_zero(np.random.default_rng(0), 2, 3) for _ in range(2)]
    fused, plain = (_net(name, operands, (2, 3), _FUSING[name], fusedActivationFunction=code)[0] for code in (_TANH, 0))
    graph = import_tflite(fused, "net.tflite")
    assert graph.nodes[-1].op == "tanh"
    _require_close(_evaluated(graph, operands), np.tanh(oracle.run_litert(plain, operands)))


_TANH, _SIGN_BIT = 4, 5


def test_a_fused_tanh_of_a_convolution() -> None:
    rng = np.random.default_rng(0)
    operands = [_normal(rng, 1, 4, 4, 2), _normal(rng, 3, 2, 2, 2), _normal(rng, 3)]
    options = {"strideH": 1, "strideW": 1, "padding": 1}
    fused, plain = (
        _net(
            "CONV_2D", operands, (1, 3, 3, 3), "Conv2DOptions", constant=[1, 2], **options, fusedActivationFunction=code
        )[0]
        for code in (_TANH, 0)
    )
    graph = import_tflite(fused, "net.tflite")
    assert [node.op for node in graph.nodes] == ["conv2d", "tanh"]
    _require_close(_evaluated(graph, operands[:1]), np.tanh(oracle.run_litert(plain, operands[:1])))


def _int8_sum(fused: int) -> bytes:
    m = TfliteWriter()
    x, y = (m.tensor((2, 3), scale=0.5) for _ in range(2))
    m.operator("ADD", [x, x], [y], "AddOptions", fusedActivationFunction=fused)
    return m.build([x], [y])


def _division(divisor: float) -> bytes:
    return _net("DIV", [np.ones(3, _F32), np.full(3, divisor, _F32)], (3,), "DivOptions", constant=[1])[0]


def _power_of(exponents: Any) -> bytes:
    return _net("POW", [np.ones(3, _F32), exponents], exponents.shape, "PowOptions", constant=[1])[0]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (_int8_sum(_TANH), "fused activation 4; accepted: none, RELU, RELU6, RELU_N1_TO_1"),
        (_net("ADD", [np.ones(3, _F32)] * 2, (3,), "AddOptions", fusedActivationFunction=_SIGN_BIT)[0], "activation 5"),
        (_division(0), "the constant result is infinite"),
        (_net("DIV", [np.ones(3, np.int32)] * 2, (3,), "DivOptions")[0], "accepted: float32 from float32"),
        (_net("DIV", [np.ones(3, _F32)], (3,), "DivOptions")[0], "1 operands; accepted: 2"),
        (_net("POW", [np.ones(3, _F32)] * 2, (3,), "PowOptions")[0], "the exponent is computed at run time"),
        (_power_of(np.array([1, 2, 3], _F32)), "accepted: one number"),
        (_power_of(np.ones((2, 3), _F32)), "accepted: one number"),
        (_net("ADD_N", [], (3,), "AddNOptions")[0], "input 0 is missing"),
        (_net("CAST", [np.ones(3, np.int32)], (3,), "CastOptions")[0], "accepted: float32 from float32"),
        (_l2_pool(np.random.default_rng(0), 1, (1, 2, 2, 2), fused=3)[0], "accepted: none, RELU"),
    ],
)
def test_refusals(model: bytes, message: str) -> None:
    with pytest.raises(UnsupportedModelError, match=message):
        import_tflite(model, "net.tflite")


def test_a_matrix_of_float_weights_is_a_dense_layer() -> None:
    rng = np.random.default_rng(0)
    for adj_y, shape in ((False, (1, 4, 5)), (True, (5, 4))):
        operands = [_normal(rng, 2, 3, 4), _normal(rng, *shape)]
        model, inputs = _net(
            "BATCH_MATMUL", operands, (2, 3, 5), "BatchMatMulOptions", constant=[1], adjX=False, adjY=adj_y
        )
        graph = import_tflite(model, "net.tflite")
        assert [node.op for node in graph.nodes] == ["dense"]
        _require_close(_evaluated(graph, inputs), oracle.run_litert(model, inputs))


def test_functions_of_constants_are_computed() -> None:
    """Weights that a file computes from others are constants for what reads them."""
    rng = np.random.default_rng(0)
    m = TfliteWriter()
    x, y = m.tensor((2, 4), _F32), m.tensor((2, 3), _F32)
    root, weights = m.tensor((3, 4), _F32), m.tensor((3, 4), _F32)
    m.operator("SQRT", [m.constant(rng.uniform(1, 2, (3, 4)).astype(_F32))], [root])
    m.operator("DIV", [m.constant(_normal(rng, 3, 4)), root], [weights], "DivOptions")
    m.operator("FULLY_CONNECTED", [x, weights], [y], "FullyConnectedOptions")
    model, inputs = m.build([x], [y]), [_normal(rng, 2, 4)]
    graph = import_tflite(model, "net.tflite")
    assert [node.op for node in graph.nodes] == ["dense"]
    _require_close(_evaluated(graph, inputs), oracle.run_litert(model, inputs))


@pytest.mark.parametrize("axis", [None, 0])
def test_integer_weights_behind_dequantize(axis: int | None) -> None:
    rng = np.random.default_rng(0)
    m = TfliteWriter()
    x, y, weights = m.tensor((2, 4), _F32), m.tensor((2, 3), _F32), m.tensor((3, 4), _F32)
    quant = {"scale": 0.02} if axis is None else {"scale": [0.02, 0.03, 0.5], "axis": axis}
    integers = rng.integers(-127, 128, (3, 4)).astype(np.int8)
    m.operator("DEQUANTIZE", [m.constant(integers, **quant)], [weights])
    m.operator("FULLY_CONNECTED", [x, weights], [y], "FullyConnectedOptions")
    model, inputs = m.build([x], [y]), [_normal(rng, 2, 4)]
    graph = import_tflite(model, "net.tflite")
    assert [node.op for node in graph.nodes] == ["dense"]
    expected = inputs[0] @ (integers * np.reshape(np.float32(quant["scale"]), (-1, 1))).T
    _require_close(_evaluated(graph, inputs), [expected])


def test_int8_models_do_not_take_what_is_for_floats() -> None:
    m = TfliteWriter()
    x, y = m.tensor((2, 3), scale=0.5), m.tensor((2, 3), scale=0.5)
    m.operator("ADD_N", [x, x], [y], "AddNOptions")
    with pytest.raises(EdgeqError, match="accepted: float32 from float32"):
        import_tflite(m.build([x], [y]), "net.tflite")
