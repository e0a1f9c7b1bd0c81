"""Shape arithmetic is gone after the import, and what it computed is what LiteRT computes."""

from typing import Any

import flatbuffers
import numpy as np
import oracle
import pytest
from ai_edge_litert import schema_py_generated as schema
from cases import CASES, blocks, movement, padding, slicing
from cases.elements import BOOL, F32, S8, S32, S64
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from shared import MODELS, requires_shared
from tflite_writer import TfliteWriter

from edgeq.errors import EdgeqError, UnsupportedModelError
from edgeq.evaluate import evaluate
from edgeq.importers import import_model
from edgeq.importers.tflite.folding import FOLDINGS

_settings = settings(
    max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
_COMPARISONS = {"EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"}
_LOGIC = {"LOGICAL_AND", "LOGICAL_OR", "LOGICAL_NOT"}
_REDUCTIONS = {"SUM", "REDUCE_PROD", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_ANY", "REDUCE_ALL"}
_FUSING = {"ADD": "AddOptions", "SUB": "SubOptions", "MUL": "MulOptions", "DIV": "DivOptions"}


def _folded(model: bytes) -> Any:
    """The only output of a model, which must have become a constant."""
    graph = import_model(model, "folded.tflite")
    assert graph.nodes == ()
    return graph.constants[graph.outputs[0]]


def _on_constants(name: str, arrays: list[Any], output: tuple[Any, Any], *options: str, **fields: Any) -> bytes:
    """A model of one operator on constants; it has an input, as every model has, that nothing reads."""
    m = TfliteWriter()
    x = m.tensor((1, 2), scale=0.5)
    operands = [m.constant(array) for array in arrays]
    y = m.tensor(*output)
    m.operator(name, operands, [y], *options, **fields)
    return m.build([x], [y])


def _require_litert(model: bytes) -> None:
    found, expected = _folded(model), oracle.run_litert(model, [np.zeros((1, 2), np.int8)])[0]
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    np.testing.assert_array_equal(found, expected)


def _numbers(rng: np.random.Generator, dtype: Any, shape: tuple[int, ...]) -> Any:
    if dtype == BOOL:
        return np.asarray(rng.random(shape) < 0.5)
    return np.asarray(rng.integers(-9, 10, shape)).astype(dtype)


@st.composite
def _operation(draw: st.DrawFn, name: str) -> bytes:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = tuple(draw(st.lists(st.integers(1, 4), max_size=3)))
    # LiteRT's reference kernels have int64 in some of these, int32 and float32 in nearly all.
    narrow = name in {"FLOOR_DIV", "DIV", "ABS"} and [S32, F32]
    kinds = narrow or [S32, S64, F32]
    dtype = draw(st.sampled_from([BOOL] if name in _LOGIC | {"REDUCE_ANY", "REDUCE_ALL"} else kinds))
    x = _numbers(rng, dtype, shape)
    if name in _REDUCTIONS:
        return _reduction(draw, name, x)
    if name in {"ABS", "NEG", "LOGICAL_NOT"}:
        return _on_constants(name, [x], (shape, dtype))
    if name == "CAST":
        target = draw(st.sampled_from([S32, S64, F32, BOOL]))
        return _on_constants(name, [x], (shape, target))
    other = tuple(1 if draw(st.booleans()) else n for n in shape)[draw(st.integers(0, len(shape))) :]
    y = _numbers(rng, dtype, other)
    if name in {"SELECT", "SELECT_V2"}:
        y = y if name == "SELECT_V2" else np.broadcast_to(y, shape)
        return _on_constants(name, [_numbers(rng, BOOL, shape), x, y], (shape, dtype))
    y = np.where(y == 0, np.ones_like(y), y) if name in {"DIV", "FLOOR_DIV", "FLOOR_MOD"} else y
    pair = [x, y] if draw(st.booleans()) else [y, x * y + y if name in {"DIV", "FLOOR_DIV"} else x]
    assume(name not in {"DIV", "FLOOR_DIV", "FLOOR_MOD"} or pair[1].all())
    output = (shape, np.bool_ if name in _COMPARISONS else dtype)
    if name in _FUSING:
        return _on_constants(name, pair, output, _FUSING[name], fusedActivationFunction=draw(st.integers(0, 3)))
    return _on_constants(name, pair, output)


def _reduction(draw: st.DrawFn, name: str, x: Any) -> bytes:
    assume(x.ndim > 0)
    axes = draw(st.lists(st.integers(0, x.ndim - 1), min_size=1, unique=True))
    keep = draw(st.booleans())
    kept = [1 if i in axes else n for i, n in enumerate(x.shape) if keep or i not in axes]
    signed = [a - x.ndim if draw(st.booleans()) else a for a in axes]
    return _on_constants(name, [x, np.array(signed, np.int32)], (kept, x.dtype), "ReducerOptions", keepDims=keep)


@pytest.mark.parametrize("name", sorted(FOLDINGS.keys() - {"FILL", "RANGE"}))
@_settings
@given(data=st.data())
def test_an_operation_folds_to_what_litert_computes(name: str, data: st.DataObject) -> None:
    _require_litert(data.draw(_operation(name)))


@_settings
@given(st.integers(-20, 20), st.integers(-20, 20), st.integers(-5, 5), st.sampled_from([S32, F32]))
def test_a_range_folds(start: int, limit: int, delta: int, dtype: Any) -> None:
    assume(delta * (limit - start) > 0)
    step = 1 if dtype == S32 else 0.3
    arrays = [np.array(v * step, dtype) for v in (start, limit, delta)]
    count = len(np.arange(*(a.item() for a in arrays)))
    _require_litert(_on_constants("RANGE", arrays, ((count,), dtype)))


@_settings
@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.sampled_from([S32, S64, F32, BOOL]))
def test_a_fill_folds(shape: list[int], dtype: Any) -> None:
    arrays = [np.array(shape, np.int64), np.array(7).astype(dtype)]
    _require_litert(_on_constants("FILL", arrays, (shape, dtype)))


def test_a_fill_with_a_quantized_value_folds() -> None:
    """As unrolled recurrent layers make their first state."""
    m = TfliteWriter()
    x, y = (m.tensor((2, 3), scale=0.5, zero_point=3) for _ in range(2))
    state = m.tensor((2, 3), scale=0.25, zero_point=-7)
    m.operator(
        "FILL", [m.constant(np.array([2, 3], S32)), m.constant(np.array(5, S8), scale=0.25, zero_point=-7)], [state]
    )
    m.operator("ADD", [x, state], [y], "AddOptions")
    graph = import_model(m.build([x], [y]), "x.tflite")
    assert [node.op for node in graph.nodes] == ["add"]
    assert [a.tolist() for a in graph.constants.values()] == [[[5, 5, 5], [5, 5, 5]]]


@pytest.mark.parametrize(
    ("value", "quant", "message"),
    [
        (None, {"scale": 0.25}, "the value is computed at run time"),
        (5, {"scale": 0.5}, "share scale and zero point"),
        ([5, 6], {"scale": 0.25}, "filled with 2 elements"),
    ],
)
def test_other_quantized_fills_are_refused(value: Any, quant: dict[str, float], message: str) -> None:
    m = TfliteWriter()
    x, y = m.tensor((), **quant), m.tensor((2, 3), scale=0.25)
    fill = x if value is None else m.constant(np.array(value, S8), **quant)
    m.operator("FILL", [m.constant(np.array([2, 3], S32)), fill], [y])
    with pytest.raises(EdgeqError, match=message):
        import_model(m.build([x], [y]), "x.tflite")


_MOVES = sorted({**blocks.CASES, **movement.CASES, **padding.CASES, **slicing.CASES})


@pytest.mark.parametrize("name", _MOVES)
@_settings
@given(data=st.data())
def test_moves_of_constants_fold(name: str, data: st.DataObject) -> None:
    case = data.draw(CASES[name].filter(lambda c: all(x.dtype != S8 for x in c.inputs)))
    original = import_model(case.model, "original.tflite")
    values = evaluate(original, case.inputs)
    graph = import_model(_with_constant_inputs(case.model, case.inputs), "constant.tflite")
    assert graph.nodes == ()
    for found, expected in zip(graph.outputs, original.outputs, strict=True):
        np.testing.assert_array_equal(graph.constants[found], values[expected])


def _with_constant_inputs(model: bytes, inputs: Any) -> bytes:
    """The model with its inputs stored in the file, and another input that nothing reads."""
    parsed = schema.ModelT.InitFromPackedBuf(model, 0)
    graph = parsed.subgraphs[0]
    for index, array in zip(graph.inputs, inputs, strict=True):
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(array.tobytes(), np.uint8)
        parsed.buffers.append(buffer)
        graph.tensors[index].buffer = len(parsed.buffers) - 1
    unread = schema.TensorT()
    unread.shape, unread.type, unread.name, unread.buffer = [1], schema.TensorType.INT32, b"unread", 0
    graph.tensors.append(unread)
    graph.inputs = [len(graph.tensors) - 1]
    builder = flatbuffers.Builder(1024)
    builder.Finish(parsed.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _flatten(m: TfliteWriter, x: int, batch: int, features: int, dtype: Any) -> int:
    """What Keras exports for a Flatten: the batch is taken from the shape, whatever it is."""
    shape = m.tensor((4,), dtype)
    m.operator("SHAPE", [x], [shape], "ShapeOptions", outType=m.tensors[shape].type)
    first = m.tensor((), dtype)
    bounds = [m.constant(np.array([v], np.int32)) for v in (0, 1, 1)]
    m.operator("STRIDED_SLICE", [shape, *bounds], [first], "StridedSliceOptions", shrinkAxisMask=1)
    wanted = m.tensor((2,), dtype)
    m.operator("PACK", [first, m.constant(np.array(-1, dtype))], [wanted], "PackOptions", valuesCount=2)
    y = m.tensor((batch, features), scale=0.5, zero_point=3)
    m.operator("RESHAPE", [x, wanted], [y])
    return y


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize("signature", [None, (-1, 2, 3, 4)])
def test_a_shape_tail_is_one_reshape(dtype: Any, signature: Any) -> None:
    m = TfliteWriter()
    x = m.tensor((2, 2, 3, 4), scale=0.5, zero_point=3, signature=signature)
    y = _flatten(m, x, 2, 24, dtype)
    graph = import_model(m.build([x], [y]), "flatten.tflite")
    assert [node.op for node in graph.nodes] == ["reshape"]
    assert graph.types[graph.outputs[0]].shape == (2, 24)
    assert not graph.constants


@requires_shared
def test_the_shape_arithmetic_of_mbnet96_folds() -> None:
    graph = import_model((MODELS / "tinymaix_mbnet96_int8.tflite").read_bytes(), "mbnet96.tflite")
    assert {node.op for node in graph.nodes} == {"conv2d", "depthwise_conv2d", "mean", "reshape", "softmax"}
    assert all(graph.types[name].quant is not None for name in graph.constants)


_HUGE = np.array([2**15, 2**15], np.int32)


@pytest.mark.parametrize(
    ("name", "arrays", "message"),
    [
        ("FILL", [_HUGE, np.array(1, np.int32)], "1073741824 elements of constant arithmetic"),
        ("FILL", [-_HUGE, np.array(1, np.int32)], "positive sizes"),
        ("RANGE", [np.array(v, np.int32) for v in (0, 2**31 - 1, 1)], "elements of constant arithmetic"),
        ("RANGE", [np.array(v, np.int32) for v in (0, 5, 0)], "steps of 0"),
        ("RANGE", [np.array(v, np.float32) for v in (0, 1, 1e-40)], "elements of constant arithmetic"),
        ("RANGE", [np.array(v, np.int32) for v in (0, 5, -1)], "is empty"),
        ("ADD", [np.zeros((2048, 1), np.int32), np.zeros((1, 2048), np.int32)], "elements of constant arithmetic"),
        ("ADD", [np.zeros((2,), np.int32), np.zeros((3,), np.int32)], "cannot be broadcast"),
        ("ADD", [np.zeros((2,), np.int32), np.zeros((2,), np.int64)], "one type"),
        ("ADD", [np.zeros((2,), np.int32)], "1 inputs; accepted: 2"),
        ("DIV", [np.ones(2, np.int32), np.zeros(2, np.int32)], "divided by 0"),
        ("DIV", [np.ones(2, np.float32), np.zeros(2, np.float32)], "infinite"),
        ("FLOOR_MOD", [np.ones(2, np.int32), np.zeros(2, np.int32)], "divided by 0"),
        ("SUM", [np.ones(2, np.int32), np.array([1], np.int32)], "axis 1 of a tensor of rank 1"),
        ("SUM", [np.ones(2, np.bool_), np.array([0], np.int32)], "accepted: numbers"),
        ("SELECT", [np.ones(2, np.int32)] * 3, "accepted: bool"),
        ("CAST", [np.array([1e20], np.float32)], "accepted: -2147483648..2147483647"),
        ("ABS", [np.ones(2, np.float32)], "computes float32, the file declares int32"),
        ("BROADCAST_TO", [np.zeros((1, 1), np.int32), _HUGE], "bytes; accepted: up to"),
        ("TILE", [np.zeros((1, 1), np.int32), _HUGE], "bytes; accepted: up to"),
    ],
)
def test_impossible_arithmetic_is_refused(name: str, arrays: list[Any], message: str) -> None:
    m = TfliteWriter()
    x = m.tensor((1, 2), scale=0.5)
    y = m.tensor((2,), np.int32, signature=(-1,))
    m.operator(name, [m.constant(a) for a in arrays], [y])
    with pytest.raises(UnsupportedModelError, match=message):
        import_model(m.build([x], [y]), "impossible.tflite")


def test_the_budget_is_for_the_whole_model() -> None:
    m = TfliteWriter()
    x = m.tensor((1, 2), scale=0.5)
    outputs = []
    for _ in range(20):
        outputs.append(m.tensor((400, 400), np.int32))
        m.operator(
            "FILL", [m.constant(np.array([400, 400], np.int32)), m.constant(np.array(1, np.int32))], outputs[-1:]
        )
    with pytest.raises(UnsupportedModelError, match="in a whole model"):
        import_model(m.build([x], outputs), "fills.tflite")


def test_arithmetic_on_values_of_the_run_is_refused() -> None:
    m = TfliteWriter()
    x = m.tensor((2,), np.int32)
    y = m.tensor((2,), np.int32)
    m.operator("FLOOR_MOD", [x, m.constant(np.array([3], np.int32))], [y])
    with pytest.raises(EdgeqError, match="accepted: constants without quantization"):
        import_model(m.build([x], [y]), "run_time.tflite")
