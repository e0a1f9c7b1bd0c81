"""Layouts: transposes vanish, values stay what they are."""

from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pytest
from float_graphs import FloatBuilder, random_float_graph, run_float_pass
from rewriting import ATTRS, op_list

from edgeq.ir import DType, Quant
from edgeq.ir.text import parse_graph, print_graph
from edgeq.passes import Pass
from edgeq.passes.layout import layout, remaining_transposes
from edgeq.passes.layout.min_cut import MinCut
from edgeq.passes.layout.order import Layout, completed
from edgeq.passes.layout.reshapes import backward, forward

_PASS = Pass("choose layouts", layout)
_KEEP = Pass("choose layouts", partial(layout, nhwc_ports=False))


@pytest.mark.parametrize("step", [_PASS, _KEEP], ids=["nhwc", "keep"])
def test_on_random_graphs(step: Pass) -> None:
    for seed in range(250):
        run_float_pass(step, random_float_graph(seed, 1 + seed % 14), seeds=(0,))


def _builder() -> FloatBuilder:
    return FloatBuilder(np.random.default_rng(0))


def _conv(b: FloatBuilder, x: str, out: int = 4) -> str:
    return b.nhwc("conv2d", x, b.reals(out, 3, 3, b.shape(x)[1]), padding=(1, 1, 1, 1))


def test_a_net_keeps_no_transpose_and_takes_its_image_with_channels_last() -> None:
    b = _builder()
    x = _conv(b, b.input(1, 3, 6, 8))
    y = b.node("relu", b.node("add", b.node("mul", x, b.reals(4, 1, 1)), b.reals(1, 4, 1, 1)))
    y = b.node("concat", b.node("add", _conv(b, y), x), y, axis=1)
    y = b.node("pad", y, before=(0, 0, 1, 0), after=(0, 0, 0, 2))
    gate = b.node("logistic", b.node("mean", y, axes=(2, 3), keep_dims=True))
    y = b.node("mul", b.node("prelu", y, b.reals(8, 1, 1)), gate)
    y = b.node("slice", y, begin=(0, 2, 1, 0), size=(1, 6, 4, 8), stride=(1, 1, 1, 1))
    logits = b.node("dense", b.reshape(y, 1, 6 * 4 * 8), b.reals(5, 6 * 4 * 8), b.reals(5))
    after, changes = run_float_pass(_PASS, b.graph(logits))
    assert remaining_transposes(after) == []
    assert after.types[after.inputs[0]].shape == (1, 6, 8, 3)
    assert after.origins[after.inputs[0]].perm == (0, 2, 3, 1)
    assert changes[0] == 'input "v0" has its channels last: [1, 6, 8, 3], where the file has [1, 3, 6, 8]'
    assert next(n for n in after.nodes if n.op == "concat").attrs.axis == 3
    assert next(n for n in after.nodes if n.op == "pad").attrs.before == (0, 1, 0, 0)


def test_ports_keep_the_files_layout_on_request() -> None:
    b = _builder()
    graph = b.graph(_conv(b, b.node("relu", b.input(1, 3, 6, 8))))
    after, _ = run_float_pass(_KEEP, graph)
    assert sorted(op_list(after)) == ["conv2d", "relu", "transpose", "transpose"]
    assert [after.types[v].shape for v in (*after.inputs, *after.outputs)] == [(1, 3, 6, 8), (1, 4, 6, 8)]
    reasons = " ".join(reason for _, reason in remaining_transposes(after))
    assert "output" in reasons
    after, changes = run_float_pass(_PASS, graph)
    assert op_list(after) == ["relu", "conv2d"]
    assert [s.split()[0] for s in changes] == ["input", "output", "2"]


def test_dimensions_of_one_move_by_reshape_and_the_port_stays() -> None:
    b = _builder()
    after, _ = run_float_pass(_PASS, b.graph(b.node("mean", _conv(b, b.input(1, 1, 6, 8)), axes=(2, 3))))
    assert op_list(after) == ["reshape", "conv2d", "mean"]
    assert after.types[after.inputs[0]].shape == (1, 1, 6, 8)


def test_scales_follow_their_channels() -> None:
    b = _builder()
    quant = Quant((0.25, 0.5), (0, 0), 1)
    weights = b.constant(np.arange(-12, 12, dtype=np.int8).reshape(3, 2, 2, 2), quant)
    x = b.transpose(b.input(1, 2, 4, 4), (0, 2, 3, 1))
    w = b.transpose(b.node("dequantize", weights), (0, 2, 3, 1))
    after, _ = run_float_pass(_PASS, b.graph(b.node("conv2d", x, w)))
    assert op_list(after) == ["dequantize", "conv2d"]
    moved = after.types[after.nodes[0].inputs[0]]
    assert moved.shape == (3, 2, 2, 2)
    assert moved.quant == Quant((0.25, 0.5), (0, 0), 3)


def test_a_flattened_image_moves_the_columns_of_the_layer_behind() -> None:
    b = _builder()
    flat = b.node("relu", b.reshape(_conv(b, b.input(1, 2, 3, 5)), 1, 60))
    integers = b.constant(b.rng.integers(-9, 9, (7, 60)).astype(np.int8), Quant((0.5,) * 7, (0,) * 7, 0))
    after, _ = run_float_pass(_PASS, b.graph(b.node("dense", flat, b.node("dequantize", integers))))
    assert "transpose" not in op_list(after)


def test_columns_with_scales_of_their_own_stay() -> None:
    b = _builder()
    flat = b.reshape(_conv(b, b.input(1, 2, 3, 5)), 1, 60)
    integers = b.constant(b.rng.integers(-9, 9, (7, 60)).astype(np.int8), Quant((0.5,) * 60, (0,) * 60, 1))
    after, _ = run_float_pass(_PASS, b.graph(b.node("dense", flat, b.node("dequantize", integers))))
    assert op_list(after).count("transpose") == 1


def test_what_no_layout_saves_stays_and_says_why() -> None:
    b = _builder()
    split = b.reshape(_conv(b, b.input(1, 2, 4, 4)), 1, 2, 2, 4, 4)
    shuffled = b.reshape(b.transpose(split, (0, 2, 1, 3, 4)), 1, 4, 4, 4)
    after, _ = run_float_pass(_PASS, b.graph(_conv(b, shuffled)))
    ((_, reason),) = remaining_transposes(after)
    assert "splits dimensions, [1, 4, 4, 4] to [1, 4, 4, 2, 2]" in reason
    assert "joins dimensions" in reason


def test_a_product_reads_matrices_either_way_round() -> None:
    b = _builder()
    x = b.input(1, 2, 3, 4)
    y = b.node("batch_matmul", b.transpose(x, (0, 1, 3, 2)), b.transpose(b.input(1, 2, 5, 3), (0, 1, 3, 2)))
    after, _ = run_float_pass(_PASS, b.graph(y))
    (node,) = after.nodes
    assert (node.attrs.adj_x, node.attrs.adj_y) == (True, True)


def test_quantize_nodes_stay_between_layers() -> None:
    b = _builder()
    x = _conv(b, b.input(1, 3, 6, 8))
    q = b.node("quantize", x, dtype=DType.S8, quant=Quant.per_tensor(0.1, 3))
    after, _ = run_float_pass(_PASS, b.graph(_conv(b, b.node("dequantize", q))))
    assert op_list(after) == ["conv2d", "quantize", "dequantize", "conv2d"]
    assert after.types[after.nodes[1].outputs[0]].shape == (1, 6, 8, 4)


@pytest.mark.parametrize(
    ("op", "attrs", "wanted"),
    [
        ("arg_max", {"axis": 1}, {"axis": 3}),
        ("reduce_max", {"axes": (1, 2)}, {"axes": (1, 3)}),
        ("mirror_pad", {"before": (0, 0, 1, 2), "after": (0, 0, 0, 0), "reflect": True}, {"before": (0, 1, 2, 0)}),
    ],
)
def test_dimensions_that_ops_name_are_renamed(op: str, attrs: Any, wanted: Any) -> None:
    b = _builder()
    after, _ = run_float_pass(_PASS, b.graph(b.node(op, _conv(b, b.input(1, 3, 6, 8)), **attrs)))
    node = next(n for n in after.nodes if n.op == op)
    assert {name: getattr(node.attrs, name) for name in wanted} == wanted


def test_a_transpose_of_an_input_that_is_an_output_is_written() -> None:
    b = _builder()
    x = b.input(1, 3, 6, 8)
    after, _ = run_float_pass(_PASS, b.graph(x, b.transpose(x, (0, 2, 3, 1))))
    assert len(set(after.outputs)) == 2


def test_two_outputs_that_become_the_same_stay_two() -> None:
    b = _builder()
    y = b.node("neg", b.input(1, 3, 6, 8))
    after, _ = run_float_pass(_PASS, b.graph(y, b.transpose(y, (0, 2, 3, 1))))
    assert op_list(after) == ["neg", "reshape"]
    assert len(set(after.outputs)) == 2


def test_the_order_of_an_origin_is_in_the_text() -> None:
    b = _builder()
    after, _ = _PASS.run(b.graph(_conv(b, b.input(1, 3, 6, 8))))
    assert parse_graph(print_graph(after), ATTRS).origins == after.origins


@pytest.mark.parametrize(
    ("before", "after", "perm", "found"),
    [
        ((1, 6, 4, 4), (1, 2, 3, 4, 4), (0, 2, 3, 1), (0, 3, 4, 1, 2)),
        ((1, 6, 4, 4), (1, 6, 16), (0, 2, 3, 1), (0, 2, 1)),
        ((1, 6, 4, 4), (1, 24, 4), (0, 2, 3, 1), None),
        ((1, 6, 1, 1), (1, 6), (0, 2, 3, 1), (0, 1)),
        ((1, 6, 4), (1, 6, 1, 4), (0, 2, 1), (0, 2, 3, 1)),
    ],
)
def test_layouts_across_reshapes(before: Any, after: Any, perm: Any, found: Any) -> None:
    outer = forward(before, after, Layout(perm))
    assert (outer and outer.perm) == found
    if outer is not None:
        inner = backward(before, after, outer)
        assert inner is not None
        assert inner.same_bytes(Layout(perm), before)


def test_dimensions_of_one_stand_where_images_have_them() -> None:
    assert completed((2, 3, 1), 4) == (0, 2, 3, 1)
    assert completed((3, 1), 4) == (0, 2, 3, 1)
    assert completed((2, 1), 4) == (0, 2, 3, 1)
    assert completed((1,), 4) == (0, 1, 2, 3)


def test_a_minimum_cut_is_the_cheapest_of_all_choices() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        count = int(rng.integers(1, 7))
        single = rng.integers(-9, 10, count)
        pairs = rng.integers(0, 8, (count, count)) * (rng.random((count, count)) < 0.4) * (1 - np.eye(count, dtype=int))
        cut = MinCut(count)
        for x in range(count):
            cut.add_cost(x, int(single[x]))
            for y in range(count):
                cut.add_pair(x, y, int(pairs[x, y]))

        def cost(chosen: Any, single: Any = single, pairs: Any = pairs) -> int:
            c = np.array(chosen, int)
            return int(single @ c + (1 - c) @ pairs @ c)

        solved = cut.solve()
        best = min(cost(c) for c in product((0, 1), repeat=count))
        assert cost([int(x in solved) for x in range(count)]) == best


def test_a_deep_net_is_quick() -> None:
    b = _builder()
    x = _conv(b, b.input(1, 3, 8, 8))
    for _ in range(60):
        x = b.node("add", b.node("relu", _conv(b, x)), x)
    after, _ = _PASS.run(b.graph(x))
    assert remaining_transposes(after) == []
