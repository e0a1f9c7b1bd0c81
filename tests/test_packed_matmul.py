"""Products with a constant right matrix of 4 bits: evaluation, plain kernels, files."""

from dataclasses import replace
from itertools import product
from typing import Any

import kernel_library
import numpy as np
import pytest
from onnx import TensorProto
from single_layers import Scales, matmul
from small_onnx import QdqWriter
from tflite_writer import TfliteWriter

from edgeq.errors import EdgeqError
from edgeq.evaluate import evaluate
from edgeq.fixedpoint import Rounding
from edgeq.frontend import ModelFile, prepare
from edgeq.importers import import_model
from edgeq.ir import DType, Graph, Quant
from edgeq.ops.packing import pack
from edgeq.passes import run_passes
from edgeq.program import build_program

_TYPES = tuple(product((DType.S8, DType.S16), repeat=2))
_F = np.float32


def _products(rng: np.random.Generator, x: DType, y: DType, adjoint: tuple[bool, ...]) -> Graph:
    """A graph of one product, whose right matrix is constant."""
    batch, *sizes = (int(n) for n in rng.integers(1, 8, 4))
    rows, depth, cols = sizes
    zeros = [int(n) for n in rng.integers(-9, 9, 2)]
    scales = Scales(x=0.05 if x is DType.S8 else 2e-4, weights=0.1, y=0.06 if y is DType.S8 else 3e-4)
    scales = replace(scales, x_zero=zeros[0] * (x is DType.S8), y_zero=zeros[1] * (y is DType.S8))
    graph = matmul(batch, (rows, depth, cols), adj_x=adjoint[0], adj_y=adjoint[1], scales=scales)
    types = dict(graph.types)
    types |= {"x": replace(types["x"], dtype=x), "y": replace(types["y"], dtype=y)}
    types["z"] = replace(types["z"], dtype=DType.S4, quant=Quant.per_tensor(0.1, 0))
    matrix = rng.integers(-8, 8, types["z"].shape).astype(np.int8)
    return graph.with_(inputs=("x",), types=types, constants={"z": matrix})


def _input(rng: np.random.Generator, graph: Graph) -> Any:
    type_ = graph.types[graph.inputs[0]]
    return rng.integers(*type_.dtype.range, type_.shape, endpoint=True).astype(type_.dtype.numpy)


@pytest.mark.parametrize("rounding", Rounding, ids=lambda r: r.value)
@pytest.mark.parametrize(("x", "y"), _TYPES, ids=lambda d: d.value)
def test_kernels_equal_the_evaluation(x: DType, y: DType, rounding: Rounding) -> None:
    rng = np.random.default_rng(3)
    for adjoint in product((False, True), repeat=2):
        for _ in range(4):
            graph = _products(rng, x, y, adjoint).with_(rounding=rounding)
            value = _input(rng, graph)
            program = build_program(graph, "net")
            assert program.kernels[0].name.startswith("edgeq_batch_matmul_packed_")
            (found,) = kernel_library.run(program, [value])
            np.testing.assert_array_equal(found, evaluate(graph, [value])["y"])


def test_four_bits_mean_what_eight_do() -> None:
    rng = np.random.default_rng(4)
    for _ in range(8):
        graph = _products(rng, DType.S8, DType.S8, (False, False))
        wide = graph.with_(types={**graph.types, "z": replace(graph.types["z"], dtype=DType.S8)})
        x = _input(rng, graph)
        np.testing.assert_array_equal(evaluate(graph, [x])["y"], evaluate(wide, [x])["y"])
        saved = build_program(wide, "net").weight_bytes - build_program(graph, "net").weight_bytes
        matrix = graph.constants["z"]
        assert saved == matrix.size - pack(matrix, 4).size


def test_what_is_refused() -> None:
    graph = _products(np.random.default_rng(5), DType.S8, DType.S8, (False, False))
    shifted = {**graph.types, "z": replace(graph.types["z"], quant=Quant.per_tensor(0.1, 1))}
    with pytest.raises(EdgeqError, match="4 bits with zero point 1; accepted: 0"):
        build_program(graph.with_(types=shifted), "net")
    square = np.ones((2, 2, 2), np.int8)
    types = {**graph.types, "z": replace(graph.types["z"], shape=square.shape)}
    left = graph.with_(nodes=(replace(graph.nodes[0], inputs=("z", "z")),), types=types, constants={"z": square})
    with pytest.raises(EdgeqError, match="left matrix is s4; accepted: s8 or s16"):
        build_program(left, "net")


@pytest.mark.parametrize(("kind", "dtype"), [("INT4", DType.S4), ("UINT4", DType.S4), ("INT2", DType.S8)])
def test_onnx_files(kind: str, dtype: DType) -> None:
    """Batches of matrices stay batches; those of 4 bits are packed."""
    m = QdqWriter(2)
    low, high, zero = {"INT4": (-8, 8, 0), "UINT4": (0, 16, 8), "INT2": (-2, 2, 0)}[kind]
    code = getattr(TensorProto, kind)
    integers = m.rng.integers(low, high, (3, 5, 7))
    operands = m.narrow(integers, code), m.constant(_F(0.1)), m.narrow(np.array(zero), code)
    x = m.rounded("x", 0.02, -5)
    y = m.rounded(m.add("MatMul", x, m.add("DequantizeLinear", *operands)), 0.02, 3)
    model = m.build({"x": (3, 4, 5)}, [y], opset=25)
    graph = run_passes(prepare(ModelFile("m.onnx", model), input_layout="keep").graph)[0]
    assert [node.op for node in graph.nodes] == ["batch_matmul"]
    ((name, matrix),) = graph.constants.items()
    assert graph.types[name].dtype is dtype
    np.testing.assert_array_equal(matrix, integers - zero)
    value = _input(np.random.default_rng(1), graph)
    (found,) = kernel_library.run(build_program(graph, "net"), [value])
    np.testing.assert_array_equal(found, evaluate(graph, [value])[graph.outputs[0]])


def test_tflite_files() -> None:
    m = TfliteWriter()
    rng = np.random.default_rng(6)
    integers = rng.integers(-7, 8, (3, 5, 7))
    x = m.tensor((3, 4, 5), scale=0.05, zero_point=3)
    matrix = m.packed(integers, 4, scale=np.array([0.1], _F))
    y = m.tensor((3, 4, 7), scale=0.1, zero_point=-7)
    m.operator("BATCH_MATMUL", [x, matrix], [y], "BatchMatMulOptions", adjX=False, adjY=False)
    graph = import_model(m.build([x], [y]), "m.tflite")
    program = build_program(graph, "net")
    assert program.kernels[0].name == "edgeq_batch_matmul_packed_s8"
    value = _input(rng, graph)
    (found,) = kernel_library.run(program, [value])
    expected = 0.05 * (value.astype(int) - 3) @ (0.1 * integers)
    np.testing.assert_allclose((found.astype(int) + 7) * 0.1, np.clip(expected, -12.1, 13.4), atol=0.051)
