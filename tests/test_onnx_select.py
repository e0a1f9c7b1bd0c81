"""Choices that depend on a comparison at run time."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from edgeq.errors import UnsupportedModelError
from edgeq.evaluate import evaluate_float
from edgeq.importers.onnx import import_onnx
from edgeq.ir import Graph
from edgeq.ir.graph import Array

_X = np.array([[-3, -0.5, 0, 0.25, 2, 30]], np.float32)


def _imported(nodes: Sequence[NodeProto], constants: dict[str, Array]) -> tuple[Graph, Array]:
    """The graph of nodes over `x`, and what ONNX's reference computes of `_X`."""
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, _X.shape)]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    initializers = [numpy_helper.from_array(a, name) for name, a in constants.items()]
    graph = helper.make_graph(nodes, "g", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    expected: Any = ReferenceEvaluator(model).run(None, {"x": _X})
    return import_onnx(model.SerializeToString(), "model.onnx"), expected[0]


@pytest.mark.parametrize("operator", ["Greater", "GreaterOrEqual", "Less", "LessOrEqual"])
@pytest.mark.parametrize("bound", [0.0, 0.25])
def test_where_chooses(operator: str, bound: float) -> None:
    nodes = [
        helper.make_node(operator, ["x", "c"], ["m"]),
        helper.make_node("Cos", ["x"], ["a"]),
        helper.make_node("Where", ["m", "a", "b"], ["y"]),
    ]
    constants = {"c": np.array(bound, np.float32), "b": np.full((1, 6), 5, np.float32)}
    graph, expected = _imported(nodes, constants)
    np.testing.assert_allclose(evaluate_float(graph, [_X])[graph.outputs[0]], expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("operator", "branches"), [("Greater", ["x", "s"]), ("Less", ["s", "x"])])
def test_a_prelu_that_was_written_out_is_one(operator: str, branches: list[str]) -> None:
    nodes = [
        helper.make_node(operator, ["x", "zero"], ["m"]),
        helper.make_node("Mul", ["x", "slope"], ["s"]),
        helper.make_node("Where", ["m", *branches], ["y"]),
    ]
    constants = {"zero": np.array(0, np.float32), "slope": np.arange(6, dtype=np.float32)}
    graph, expected = _imported(nodes, constants)
    assert [node.op for node in graph.nodes] == ["mul", "prelu"]
    np.testing.assert_allclose(evaluate_float(graph, [_X])[graph.outputs[0]], expected)


def test_a_softplus_that_is_cut_off_is_one() -> None:
    nodes = [
        helper.make_node("Softplus", ["x"], ["s"]),
        helper.make_node("Greater", ["x", "c"], ["m"]),
        helper.make_node("Where", ["m", "x", "s"], ["y"]),
    ]
    graph, expected = _imported(nodes, {"c": np.array(20, np.float32)})
    assert [node.op for node in graph.nodes] == ["softplus"]
    np.testing.assert_allclose(evaluate_float(graph, [_X])[graph.outputs[0]], expected, rtol=1e-6)


def test_a_constant_condition_chooses() -> None:
    nodes = [helper.make_node("Where", ["m", "x", "b"], ["y"])]
    constants = {"m": np.array([True, False, True, False, True, True]), "b": np.array(7, np.float32)}
    graph, expected = _imported(nodes, constants)
    np.testing.assert_allclose(evaluate_float(graph, [_X])[graph.outputs[0]], expected)


def test_a_comparison_without_a_where_is_refused() -> None:
    nodes = [
        helper.make_node("Greater", ["x", "c"], ["m"]),
        helper.make_node("Cast", ["m"], ["y"], to=TensorProto.FLOAT),
    ]
    with pytest.raises(UnsupportedModelError, match="compares at run time"):
        _imported(nodes, {"c": np.array(0, np.float32)})
