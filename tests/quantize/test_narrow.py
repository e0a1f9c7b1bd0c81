"""Weights of less than 8 bits: which layers have them, which integers they are, what the C makes of them."""

from typing import Any

import kernel_library
import numpy as np
import pytest
from small_nets import NETS, calibration, output_sqnr

from edgeq.evaluate import evaluate
from edgeq.fixedpoint import Rounding
from edgeq.ir import DType, Graph
from edgeq.passes import pipeline, run_passes
from edgeq.program import build_program
from edgeq.quantize.layers import layer_of
from edgeq.quantize.quantizer import Quantized, quantize
from edgeq.quantize.scheme import WEIGHTS, Rule, Scheme
from edgeq.quantize.weights import nearest_integers

_narrow = pytest.mark.parametrize("name", [name for name in WEIGHTS if name != "int8"])
_LEVELS = {"int4": set(range(-8, 8)), "int3": set(range(-4, 4)), "int2": {-2, -1, 0, 1}, "binary": {-1, 1}}


def _quantized(net: str, scheme: Scheme, count: int = 64) -> Quantized:
    graph = NETS[net]()
    return quantize(graph, calibration(graph, count), scheme, Rounding.SINGLE)


def _weights(graph: Graph) -> dict[str, tuple[DType, Any]]:
    """Of each layer, in order."""
    names = {node.name: node.inputs[1] for node in graph.nodes if layer_of(graph, node) is not None}
    return {node: (graph.types[w].dtype, graph.constants[w]) for node, w in names.items()}


@_narrow
def test_all_but_the_first_and_the_last_layer(name: str) -> None:
    found = [*_weights(_quantized("residual", Scheme(weights=name)).graph).values()]
    (first, *between, last) = found
    assert first[0] is last[0] is DType.S8
    assert between
    for dtype, integers in between:
        assert dtype is WEIGHTS[name][1]
        assert set(np.unique(integers).tolist()) <= _LEVELS[name]


def test_edges_as_the_others_and_rules() -> None:
    same = _weights(_quantized("residual", Scheme(weights="int4", edges="same")).graph)
    assert {dtype for dtype, _ in same.values()} == {DType.S4}
    graph = NETS["residual"]()
    layers = [node for node in graph.nodes if layer_of(graph, node) is not None]
    rule = Rule(layers[0].outputs[0], {"weights": "int2"})
    first, *others = _weights(_quantized("residual", Scheme(layers=(rule,))).graph).values()
    assert first[0] is DType.S2
    assert {dtype for dtype, _ in others} == {DType.S8}


@_narrow
@pytest.mark.parametrize("activations", ["int8", "int16"])
def test_the_c_equals_the_evaluation(name: str, activations: str) -> None:
    made = _quantized("residual", Scheme(weights=name, edges="same", activations=activations), 32)
    graph, _ = run_passes(made.graph, pipeline())
    program = build_program(graph, "net")
    assert any("_packed_" in kernel.name for kernel in program.kernels)
    rng = np.random.default_rng(0)
    for _ in range(3):
        types = [graph.types[v] for v in graph.inputs]
        inputs = [rng.integers(*t.dtype.range, t.shape, endpoint=True).astype(t.dtype.numpy) for t in types]
        values = evaluate(graph, inputs)
        for found, output in zip(kernel_library.run(program, inputs), graph.outputs, strict=True):
            np.testing.assert_array_equal(found, values[output])


def test_more_bits_are_nearer() -> None:
    found = [output_sqnr(_quantized("classifier", Scheme(weights=name))) for name in WEIGHTS]
    assert found == sorted(found, reverse=True)
    assert found[1] > found[0] - 12


def test_binary_integers_have_no_zero() -> None:
    assert nearest_integers(np.array([-0.2, 0.0, 3.0]), 1).tolist() == [-1, 1, 1]
