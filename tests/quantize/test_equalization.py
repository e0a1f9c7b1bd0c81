from typing import Any

import numpy as np
import pytest
from rewriting import const, graph_of, op_list, random_inputs

from edgeq.evaluate import evaluate_float
from edgeq.ir import Graph, Origin
from edgeq.ir.verify import verify
from edgeq.ops import OPS
from edgeq.quantize.equalization import equalize
from edgeq.quantize.layers import layer_of

_IMAGE = "f32[1,6,6,4]"


def _uneven(seed: int, shape: tuple[int, ...], axis: int) -> Any:
    """Weights whose channels differ by factors of hundreds."""
    rng = np.random.default_rng(seed)
    sizes = rng.lognormal(0, 2, shape[axis])
    return rng.normal(size=shape) * sizes.reshape([-1 if d == axis else 1 for d in range(len(shape))])


def _const(name: str, shape: tuple[int, ...], axis: int) -> str:
    return const(name, f"f32[{','.join(map(str, shape))}]", _uneven(sum(map(ord, name)), shape, axis))


_CONSTANTS = "\n".join(
    [
        _const("w1", (4, 3, 3, 4), 0),
        _const("w2", (4, 3, 3, 4), 0),
        _const("g", (8, 1, 1, 2), 0),
        _const("d", (1, 3, 3, 4), 3),
        _const("d2", (1, 3, 3, 8), 3),
        _const("m", (5, 4), 1),
        _const("m2", (4, 5), 1),
        _const("w1x6", (2, 1, 1, 6), 3),
        _const("w1x1", (2, 1, 1, 1), 0),
        _const("a", (4,), 0),
        const("b", "f32[4]", [1, -2, 3, 0.5]),
        const("b8", "f32[8]", np.arange(8) - 3),
        const("b5", "f32[1,5]", np.arange(5)),
        const("zero", "f32[1]", 0),
        const("one", "f32[1]", 1),
    ]
)
_SAME = '"padding": [1, 1, 1, 1]'


def _graph(*calls: str) -> Graph:
    """Values v0, v1 ... of NHWC calls; a call may name its own type before a colon."""
    lines = ["graph net", f"input %x: {_IMAGE}", _CONSTANTS]
    for k, call in enumerate(calls):
        type_, _, rest = call.rpartition("] = ")
        lines.append(f'%v{k}: {type_ + "]" if type_ else _IMAGE} = {rest}  # OP #{k} "op"')
    return graph_of("\n".join([*lines, f"output %v{len(calls) - 1}\n"]))


def _require_same_function(before: Graph, after: Graph) -> None:
    verify(after, OPS)
    assert op_list(after) == op_list(before)
    inputs = random_inputs(before, 0)
    ours, theirs = evaluate_float(after, inputs), evaluate_float(before, inputs)
    for name in before.outputs:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=2e-5, atol=1e-5 * np.abs(theirs[name]).max())


def _ranges(graph: Graph, first: int, second: int) -> tuple[Any, Any]:
    """Of the channels between two plain layers: what makes them, and what reads them."""
    made, read = graph.nodes[first], graph.nodes[second]
    w1, w2 = (np.abs(graph.constants[n.inputs[1]]) for n in (made, read))
    layer = layer_of(graph, made)
    assert layer is not None
    axis = 3 if read.op == "depthwise_conv2d" else w2.ndim - 1
    return np.moveaxis(w1, layer.axis, 0).reshape(4, -1).max(1), np.moveaxis(w2, axis, 0).reshape(4, -1).max(1)


_FIRST = f"conv2d(%x, %w1, %b) {{{_SAME}}}"

_BETWEEN = {
    "nothing": (),
    "relu": ("relu(%v0)",),
    "leaky_relu": ('leaky_relu(%v0) {"alpha": 0.1}',),
    "prelu": ("prelu(%v0, %a)",),
    "abs": ("abs(%v0)",),
    "max_pool": ('max_pool2d(%v0) {"kernel": [3, 3], "padding": [1, 1, 1, 1]}',),
    "avg_pool": ('avg_pool2d(%v0) {"kernel": [3, 3], "padding": [1, 1, 1, 1], "activation": "relu"}',),
    "pad": ('f32[1,8,8,4] = pad(%v0) {"before": [0, 1, 1, 0], "after": [0, 1, 1, 0]}',),
    "pad with 0": ('f32[1,8,8,4] = pad(%v0, %zero) {"before": [0, 1, 1, 0], "after": [0, 1, 1, 0]}',),
    "several": ("relu(%v0)", "prelu(%v1, %a)"),
}


@pytest.mark.parametrize("between", _BETWEEN.values(), ids=_BETWEEN)
def test_two_convolutions(between: tuple[str, ...]) -> None:
    last = f"%v{len(between)}"
    shape = "f32[1,8,8,4] = " if "pad(" in "".join(between) else ""
    graph = _graph(_FIRST, *between, f"{shape}conv2d({last}, %w2, %b) {{{_SAME}}}")
    after, sentences = equalize(graph)
    _require_same_function(graph, after)
    assert len(sentences) == 1
    assert sentences[0].startswith(f"equalized OP #0 and OP #{len(between) + 1}: channels scaled by factors 1 : ")
    (made, read), (made_before, read_before) = _ranges(after, 0, -1), _ranges(graph, 0, -1)
    np.testing.assert_allclose(made, read, rtol=1e-3)
    np.testing.assert_allclose(made, np.sqrt(made_before * read_before), rtol=1e-3)
    assert made.max() / made.min() < made_before.max() / made_before.min()
    assert equalize(after) == (after, []), "once is enough"


@pytest.mark.parametrize("activation", ["none", "relu"])
def test_fused_activations_that_scale(activation: str) -> None:
    graph = _graph(
        f'conv2d(%x, %w1, %b) {{{_SAME}, "activation": "{activation}"}}',
        f"depthwise_conv2d(%v0, %d, %b) {{{_SAME}}}",
    )
    after, sentences = equalize(graph)
    _require_same_function(graph, after)
    assert len(sentences) == 1


def test_a_chain_converges() -> None:
    graph = _graph(
        f'conv2d(%x, %w1, %b) {{{_SAME}, "activation": "relu"}}',
        f'depthwise_conv2d(%v0, %d, %b) {{{_SAME}, "activation": "relu"}}',
        f"conv2d(%v1, %w2) {{{_SAME}}}",
    )
    after, sentences = equalize(graph)
    _require_same_function(graph, after)
    assert len(sentences) == 2
    for first, second in ((0, 1), (1, 2)):
        made, read = _ranges(after, first, second)
        np.testing.assert_allclose(made, read, rtol=1e-2)
    assert equalize(after) == (after, [])


def test_groups_and_multipliers() -> None:
    graph = _graph(
        f"depthwise_conv2d(%x, %d, %b) {{{_SAME}}}",
        'f32[1,6,6,8] = conv2d(%v0, %g, %b8) {"groups": 2, "activation": "relu"}',
        f"f32[1,6,6,8] = depthwise_conv2d(%v1, %d2) {{{_SAME}}}",
    )
    after, sentences = equalize(graph)
    _require_same_function(graph, after)
    assert len(sentences) == 2
    d, g = (np.abs(after.constants[node.inputs[1]]) for node in after.nodes[:2])
    read = g.reshape(2, 4, 2).max(axis=1).reshape(4)  # by group, then by channel in it
    np.testing.assert_allclose(d.max(axis=(0, 1, 2)), read, rtol=1e-3)
    graph = _graph(
        f"conv2d(%x, %w1, %b) {{{_SAME}}}",
        f"f32[1,6,6,8] = depthwise_conv2d(%v0, %d2, %b8) {{{_SAME}}}",
    )
    _require_same_function(graph, equalize(graph)[0])
    assert len(equalize(graph)[1]) == 1


def test_through_a_mean_to_a_dense_layer() -> None:
    graph = _graph(
        'transpose_conv2d(%x, %w1, %b) {"size": [6, 6], "padding": [1, 1]}',
        'transpose_conv2d(%v0, %w2, %b) {"size": [6, 6], "padding": [1, 1]}',
        'f32[1,4] = mean(%v1) {"axes": [1, 2]}',
        'f32[4] = reshape(%v2) {"shape": [4]}',
        'f32[5] = dense(%v3, %m, %b5) {"activation": "relu"}',
    )
    after, sentences = equalize(graph)
    _require_same_function(graph, after)
    assert len(sentences) == 2
    graph = _graph("f32[1,6,6,5] = dense(%x, %m, %b5)", "f32[1,6,6,4] = dense(%v0, %m2)")
    after, sentences = equalize(graph)
    _require_same_function(graph, after)
    assert len(sentences) == 1


_SECOND = f"conv2d(%v1, %w2) {{{_SAME}}}"
_STOPS = {
    "relu6": ("relu6(%v0)", _SECOND),
    "logistic": ("logistic(%v0)", _SECOND),
    "add": ("add(%v0, %x)", _SECOND),
    "pad with 1": (
        'f32[1,8,8,4] = pad(%v0, %one) {"before": [0, 1, 1, 0], "after": [0, 1, 1, 0]}',
        f"f32[1,8,8,4] = {_SECOND}",
    ),
    "pool with relu6": ('max_pool2d(%v0) {"kernel": [1, 1], "activation": "relu6"}', _SECOND),
    "another user": (f"conv2d(%v0, %w2) {{{_SAME}}}", "add(%v0, %v1)"),
    "mixed channels": ('f32[1,6,4,6] = reshape(%v0) {"shape": [1, 6, 4, 6]}', "f32[1,6,4,2] = conv2d(%v1, %w1x6)"),
    "mean over channels": (
        'f32[1,6,6,1] = mean(%v0) {"axes": [3], "keep_dims": true}',
        "f32[1,6,6,2] = conv2d(%v1, %w1x1)",
    ),
    "nothing after it": ("relu(%v0)",),
}


@pytest.mark.parametrize("calls", _STOPS.values(), ids=_STOPS)
def test_where_it_stops(calls: tuple[str, ...]) -> None:
    graph = _graph(_FIRST, *calls)
    assert equalize(graph) == (graph, [])


@pytest.mark.parametrize("activation", ["relu6", "relu_n1_to_1", "relu_0_to_1"])
def test_clamps_that_would_move(activation: str) -> None:
    graph = _graph(f'conv2d(%x, %w1, %b) {{{_SAME}, "activation": "{activation}"}}', f"conv2d(%v0, %w2) {{{_SAME}}}")
    assert equalize(graph) == (graph, [])


def test_an_output_of_the_graph_keeps_its_scale() -> None:
    graph = _graph(_FIRST, f"conv2d(%v0, %w2) {{{_SAME}}}")
    graph = graph.with_(outputs=("v0", "v1"))
    assert equalize(graph) == (graph, [])


def test_weights_that_two_layers_share_are_scaled_apart() -> None:
    graph = _graph(_FIRST, f"conv2d(%v0, %w1) {{{_SAME}}}", f"conv2d(%v1, %w1, %b) {{{_SAME}}}")
    after, sentences = equalize(graph)
    _require_same_function(graph, after)
    assert len(sentences) == 2
    assert len({node.inputs[1] for node in after.nodes}) == 3


def test_dead_channels_do_not_blow_up() -> None:
    graph = _graph(_FIRST, f"conv2d(%v0, %w2) {{{_SAME}}}")
    w1, w2 = graph.constants["w1"].copy(), graph.constants["w2"].copy()
    w1[0], w1[1], w2[..., 2] = 0, 1e-30, 0
    graph = graph.with_(constants={**graph.constants, "w1": w1, "w2": w2})
    after, _ = equalize(graph)
    _require_same_function(graph, after)
    arrays = [after.constants[v] for node in after.nodes for v in node.inputs[1:]]
    assert all(np.isfinite(a).all() for a in arrays)
    for k, before in enumerate([1, -2, 3]):
        assert after.constants[after.nodes[0].inputs[2]][k] == before, "no weights make it, or read it"
    assert equalize(after) == (after, [])


def test_scaled_values_lose_their_origin() -> None:
    graph = _graph(_FIRST, "relu(%v0)", _SECOND)
    graph = graph.with_(origins={f"v{k}": Origin(f"v{k}", k) for k in range(3)})
    assert list(equalize(graph)[0].origins) == ["v2"]


def test_integers_are_left_alone() -> None:
    image, filter_ = "s8[1,4,4,2] @0.1+0", "s8[2,1,1,2] @0{0.1+0,0.2+0}"
    text = ["graph net", f"input %x: {image}", const("w", filter_, [[[[1, 2]]], [[[90, 80]]]])]
    text += [f"%y: {image} = conv2d(%x, %w)", f"%z: {image} = conv2d(%y, %w)", "output %z\n"]
    graph = graph_of("\n".join(text))
    assert equalize(graph) == (graph, [])
