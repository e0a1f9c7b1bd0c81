"""ONNX files with weights of 4 and 2 bits behind DequantizeLinear: they stay what they are, packed."""

from typing import Any

import kernel_library
import numpy as np
import pytest
from onnx import TensorProto
from small_onnx import OnnxWriter, QdqWriter

from edgeq.errors import EdgeqError
from edgeq.evaluate import evaluate, evaluate_float
from edgeq.frontend import ModelFile, prepare
from edgeq.importers import import_model
from edgeq.ir import DType
from edgeq.passes import run_passes
from edgeq.program import build_program

_F = np.float32
_OPSET = 25
_KINDS = {
    "INT4": (DType.S4, -8, 7, 0),
    "UINT4": (DType.S4, 0, 15, 8),
    "INT2": (DType.S2, -2, 1, 0),
    "UINT2": (DType.S2, 0, 3, 2),
}
_kinds = pytest.mark.parametrize("kind", _KINDS)


def _network(kind: str, *, per_axis: bool, zero: int | None = None) -> tuple[bytes, bytes]:
    """A convolution and a dense layer, with narrow weights and with the same as int8."""
    _, low, high, middle = _KINDS[kind]
    zero = middle if zero is None else zero
    models = []
    for wide in (False, True):
        m = QdqWriter(5)

        def weights(*shape: int, axis: int, m: Any = m, wide: bool = wide) -> str:
            integers = m.rng.integers(low, high + 1, shape)
            count = shape[axis] if per_axis else 1
            scales = np.linspace(0.05, 0.2, count).astype(_F) if per_axis else np.float32(0.1)
            zeros = np.full(np.shape(scales), zero)
            scale = m.constant(scales)
            attributes = {"axis": axis} if per_axis else {}
            if wide:
                operands = m.constant((integers - zero).astype(np.int8)), scale
            else:
                code = getattr(TensorProto, kind)
                operands = (m.narrow(integers, code), scale, m.narrow(zeros, code))
            return m.add("DequantizeLinear", *operands, **attributes)

        x = m.rounded("image", 0.02, -5)
        a = m.add("Relu", m.add("Conv", x, weights(4, 3, 3, 3, axis=0), pads=[1, 1, 1, 1]))
        a = m.add("Reshape", m.rounded(a, 0.05, -128), m.integers(1, -1))
        b = m.rounded(m.add("MatMul", a, weights(4 * 6 * 5, 7, axis=1)), 0.5, 3)
        models.append(m.build({"image": (1, 3, 6, 5)}, [b], opset=_OPSET))
    return models[0], models[1]


@_kinds
@pytest.mark.parametrize("per_axis", [False, True])
def test_narrow_weights_stay_packed_and_compute_what_int8_computes(kind: str, per_axis: bool) -> None:
    graphs = [run_passes(prepare(ModelFile("m.onnx", m)).graph)[0] for m in _network(kind, per_axis=per_axis)]
    narrow, wide = graphs
    stored = [narrow.types[v].dtype for v in narrow.constants if len(narrow.types[v].shape) > 1]
    assert stored == [_KINDS[kind][0]] * 2
    program = build_program(narrow, "net")
    for seed in range(3):
        x = np.random.default_rng(seed).integers(-128, 128, narrow.types[narrow.inputs[0]].shape).astype(np.int8)
        expected = evaluate(wide, [x])[wide.outputs[0]]
        np.testing.assert_array_equal(evaluate(narrow, [x])[narrow.outputs[0]], expected)
        np.testing.assert_array_equal(kernel_library.run(program, [x])[0].reshape(-1), expected.reshape(-1))


@_kinds
def test_other_zero_points_take_int8(kind: str) -> None:
    narrow, wide = (prepare(ModelFile("m.onnx", m)).graph for m in _network(kind, per_axis=True, zero=1))
    assert {narrow.types[v].dtype for v in narrow.constants if len(narrow.types[v].shape) > 1} == {DType.S8}
    x = np.random.default_rng(0).normal(size=(1, 6, 5, 3)).astype(_F)
    np.testing.assert_array_equal(evaluate(narrow, [x])[narrow.outputs[0]], evaluate(wide, [x])[wide.outputs[0]])


def test_narrow_constants_beside_activations_become_int8() -> None:
    m = QdqWriter()
    addend = m.add("DequantizeLinear", m.narrow([[1, -3, 7]], TensorProto.INT4), m.constant(np.float32(0.5)))
    y = m.rounded(m.add("Add", m.rounded("x", 0.05, 0), addend), 0.1, 0)
    graph = prepare(ModelFile("m.onnx", m.build({"x": (1, 3)}, [y], opset=_OPSET))).graph
    assert not any(graph.types[v].dtype.is_narrow for v in graph.constants)
    found = evaluate(graph, [np.ones((1, 3), _F)])[graph.outputs[0]]
    np.testing.assert_allclose(found, [[1.5, -0.5, 4.5]], atol=1e-5)


def test_a_batch_norm_goes_into_scales_and_signs() -> None:
    m = QdqWriter()
    integers = np.array([[1, -8, 3], [2, 5, -7]])
    weights = m.add(
        "DequantizeLinear", m.narrow(integers, TensorProto.INT4), m.constant(np.array([0.5, 0.25], _F)), axis=0
    )
    x = m.rounded("x", 0.05, 0)
    sums = m.add("MatMul", x, m.add("Transpose", weights, perm=[1, 0]))
    factors = m.constant(np.array([[-2, 3]], _F))
    y = m.rounded(m.add("Mul", sums, factors), 0.5, 0)
    graph = prepare(ModelFile("m.onnx", m.build({"x": (1, 3)}, [y], opset=_OPSET))).graph
    assert [node.op for node in graph.nodes] == ["quantize", "dense", "dequantize"]
    (name,) = (v for v in graph.constants if graph.types[v].shape == (2, 3))
    np.testing.assert_array_equal(graph.constants[name], integers * [[-1], [1]])  # 8 takes more than 4 bits
    assert graph.types[name].dtype is DType.S8
    assert graph.types[name].quant.scale == (1.0, 0.75)


def _blocked(size: int, scales: Any, zeros: Any = None) -> bytes:
    m = OnnxWriter()
    integers = np.arange(-8, 8).reshape(8, 2)
    operands = [m.narrow(integers, TensorProto.INT4), m.constant(np.asarray(scales, _F))]
    if zeros is not None:
        operands.append(m.narrow(zeros, TensorProto.INT4))
    weights = m.add("DequantizeLinear", *operands, axis=0, block_size=size)
    return m.build({"x": (1, 8)}, [m.add("MatMul", "x", weights)], opset=_OPSET)


def test_blocks_mean_reals() -> None:
    scales, zeros = [[1, 2], [0.5, 0.25]], [[1, 0], [0, -2]]
    graph = import_model(_blocked(4, scales, zeros), "m.onnx")
    reals = (np.arange(-8, 8).reshape(8, 2) - np.repeat(zeros, 4, axis=0)) * np.repeat(scales, 4, axis=0)
    x = np.arange(8, dtype=_F)[None]
    np.testing.assert_array_equal(evaluate_float(graph, [x])[graph.outputs[0]], x @ reals)


@pytest.mark.parametrize(
    ("size", "scales", "says"),
    [
        (3, [[1, 1]] * 3, "blocks of 3 along 8 elements; accepted: sizes that divide them"),
        (4, [[1, 1]] * 3, r"scales of shape \[3, 2\] .* for blocks of 4; accepted: \[2, 2\]"),
        (4, [[1, 0]] * 2, "the scale is 0 at .0, 1.; accepted: finite numbers above 0"),
    ],
)
def test_blocks_that_do_not_fit_are_refused(size: int, scales: Any, says: str) -> None:
    with pytest.raises(EdgeqError, match=says):
        import_model(_blocked(size, scales), "m.onnx")


def test_activations_of_4_bits_are_refused() -> None:
    m = OnnxWriter()
    parameters = m.constant(_F(0.1)), m.narrow(0, TensorProto.INT4)
    y = m.add("DequantizeLinear", m.add("QuantizeLinear", "x", *parameters), *parameters)
    with pytest.raises(EdgeqError, match="quantized to int4; accepted: int8"):
        import_model(m.build({"x": (1, 8)}, [y], opset=_OPSET), "m.onnx")


def _nine_weights(kind: str, scale: Any, **attributes: Any) -> OnnxWriter:
    m = OnnxWriter()
    weights = m.narrow(np.zeros((3, 3), int), getattr(TensorProto, kind))
    m.add("MatMul", "x", m.add("DequantizeLinear", weights, m.constant(np.asarray(scale, _F)), **attributes))
    return m


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "int32"])
@pytest.mark.parametrize(("kind", "needed"), [("INT4", 5), ("UINT4", 5), ("INT2", 3), ("UINT2", 3)])
def test_another_number_of_bytes_than_the_elements_take_is_refused(kind: str, needed: int, raw: bool) -> None:
    for found in (0, needed - 1, needed, needed + 1):
        m = _nine_weights(kind, 0.1)
        weights = m.constants[0]
        weights.ClearField("int32_data")
        if raw:
            weights.raw_data = bytes(found)
        else:
            weights.int32_data.extend([0] * found)
        model = m.build({"x": (1, 3)}, ["v1"], opset=_OPSET)
        if found == needed:
            import_model(model, "m.onnx")
            continue
        bits = int(kind[-1])
        says = rf"'c0' of shape \[3, 3\] .* it has {found} bytes; accepted: {needed}, for 9 elements of {bits} bits"
        with pytest.raises(EdgeqError, match=says):
            import_model(model, "m.onnx")


@pytest.mark.parametrize(
    ("scale", "attributes", "says"),
    [
        (0, {}, "the scale is 0; accepted: finite numbers above 0"),
        ([1, -0.5, 1], {"axis": 1}, r"the scale is -0.5 at \[1\]; accepted: finite numbers above 0"),
        ([1, 1, np.nan], {"axis": 1}, r"no finite numbers, the first at \[2\]; accepted: finite ones"),
        (np.inf, {}, "no finite numbers"),
        ([1, 1], {"axis": 1}, r"scales of shape \[2\] .* accepted: one of each, or one per index"),
        ([[1, 1, 1]], {"axis": 0, "block_size": -1}, "blocks of -1 along 3 elements; accepted: sizes that divide them"),
        ([[1, 1, 1]], {"axis": 0, "block_size": 2}, "blocks of 2 along 3 elements; accepted: sizes that divide them"),
        # A block size of 0 is ONNX's way to say that there are none.
        ([[1, 1, 1]], {"axis": 0, "block_size": 0}, r"scales of shape \[1, 3\] .* accepted: one of each"),
    ],
)
def test_scales_that_are_none_are_refused(scale: Any, attributes: Any, says: str) -> None:
    with pytest.raises(EdgeqError, match=says):
        import_model(_nine_weights("INT4", scale, **attributes).build({"x": (1, 3)}, ["v1"], opset=_OPSET), "m.onnx")
