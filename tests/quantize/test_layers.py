from typing import Any

import numpy as np
import pytest
from rewriting import const, graph_of

from edgeq.evaluate import evaluate_float
from edgeq.ir import Graph
from edgeq.ir.text import parse_type
from edgeq.quantize import layers
from edgeq.quantize.layers import layer_of

_RNG = np.random.default_rng(7)

# Input, weights, output and the call.
_CASES = {
    "conv": (
        *("f32[2,7,6,4]", "f32[6,3,2,4]", "f32[2,4,5,6]"),
        'conv2d(%x, %w) {"stride": [2, 1], "dilation": [1, 2], "padding": [1, 2, 0, 1]}',
    ),
    "grouped": ("f32[2,5,5,6]", "f32[9,2,2,2]", "f32[2,4,4,9]", 'conv2d(%x, %w) {"groups": 3}'),
    "depthwise": (
        *("f32[2,5,5,3]", "f32[1,3,2,6]", "f32[2,5,3,6]"),
        'depthwise_conv2d(%x, %w) {"stride": [1, 2], "padding": [1, 1, 1, 0]}',
    ),
    "dense": ("f32[2,3,5]", "f32[4,5]", "f32[2,3,4]", "dense(%x, %w)"),
    "transposed": (
        *("f32[2,3,4,2]", "f32[5,3,2,2]", "f32[2,7,11,5]"),
        'transpose_conv2d(%x, %w) {"size": [7, 11], "stride": [2, 3], "padding": [1, 0]}',
    ),
    "cropped": (
        *("f32[1,4,4,2]", "f32[3,2,2,2]", "f32[1,4,3,3]"),
        'transpose_conv2d(%x, %w) {"size": [4, 3], "stride": [2, 2], "padding": [3, 5]}',
    ),
}


def _graph(name: str) -> Graph:
    x, w, y, call = _CASES[name]
    weights = const("w", w, _RNG.normal(size=parse_type(w).shape))
    return graph_of(f"graph net\ninput %x: {x}\n{weights}\n%y: {y} = {call}\noutput %y\n")


@pytest.mark.parametrize("block", [1, 60, 1 << 22])
@pytest.mark.parametrize("name", _CASES)
def test_patches_times_matrix_is_the_layer(name: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "_BLOCK", block)
    graph = _graph(name)
    layer = layer_of(graph, graph.nodes[0])
    assert layer is not None
    x = _RNG.normal(size=graph.types["x"].shape).astype(np.float32)
    matrix = layer.matrix(graph.constants["w"])
    blocks = list(layer.patches(x))
    assert len(blocks) > 1 or block > 1
    patches = np.concatenate(blocks, axis=1)
    assert patches.shape[0] == layer.groups == len(matrix)
    # [groups, rows, out] -> [rows, groups * out]
    found = np.moveaxis(patches @ np.swapaxes(matrix, 1, 2), 0, 1).reshape(patches.shape[1], -1)
    wanted = evaluate_float(graph, [x])["y"]
    np.testing.assert_allclose(found, wanted.reshape(found.shape), atol=1e-5)


@pytest.mark.parametrize("name", _CASES)
def test_weights_come_back(name: str) -> None:
    graph = _graph(name)
    layer = layer_of(graph, graph.nodes[0])
    assert layer is not None
    w: Any = graph.constants["w"]
    np.testing.assert_array_equal(layer.weights(layer.matrix(w)), w)
    # Rows of the matrices are the output channels in their order.
    rows = layer.matrix(w).reshape(w.shape[layer.axis], -1)
    np.testing.assert_array_equal(np.sort(rows, axis=1), np.sort(np.moveaxis(w, layer.axis, 0).reshape(rows.shape), 1))


def test_what_is_no_layer() -> None:
    graph = graph_of(
        "graph net\ninput %x: f32[2,5]\ninput %w: f32[3,5]\n%y: f32[2,3] = dense(%x, %w)\n"
        "%z: f32[2,3] = relu(%y)\noutput %z\n"
    )
    assert [layer_of(graph, node) for node in graph.nodes] == [None, None]
