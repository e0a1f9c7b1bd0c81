import pytest
from rewriting import const, graph_of, op_list, run_pass

from edgeq.ir import Graph
from edgeq.passes import Pass
from edgeq.passes.fold_padding import fold_padding

_PASS = Pass("fold padding", fold_padding)
_X = "s8[2,5,4,2] @0.5-20"
_KERNELS = {"conv2d": "s8[3,2,3,2] @0.1+0", "depthwise_conv2d": "s8[1,2,3,4] @0.1+0"}


def _graph(op: str, pad: str, size: tuple[int, int], *, x: str = _X, padded: str, extra: str = "") -> Graph:
    out_c = 3 if op == "conv2d" else 4
    values = [[[[-50]], [[60]], [[7]]]] if op == "depthwise_conv2d" else [[[[-50]]], [[[60]]], [[[7]]]]
    weights = const("w", _KERNELS[op], values if op == "conv2d" else 33)
    return graph_of(f"""
graph net
input %x: {x}
{weights}
{const("value", "s8[] @0.5-20", -20)}
{const("other", "s8[] @0.5-20", -19)}
%p: {padded} = {pad}  # PAD #0 "pad"
%y: s8[2,{size[0]},{size[1]},{out_c}] @3.0+4 = {op}(%p, %w) {{"padding": [1, 0, 2, 0]}}  # CONV #1
{extra}
output %y
""")


@pytest.mark.parametrize("op", _KERNELS)
@pytest.mark.parametrize("value", ["", ", %value"])
def test_a_border_of_zero_points_is_padding(op: str, value: str) -> None:
    pad = f'pad(%x{value}) {{"before": [0, 1, 2, 0], "after": [0, 3, 0, 0]}}'
    after, changes = run_pass(_PASS, _graph(op, pad, (9, 6), padded="s8[2,9,6,2] @0.5-20"))
    assert op_list(after) == [op]
    assert after.nodes[0].attrs.padding == (2, 3, 4, 0)
    assert after.nodes[0].inputs == ("x", "w")
    assert changes == ["folded PAD #0 into CONV #1"]


def test_the_border_may_be_larger_than_the_window() -> None:
    pad = 'pad(%x) {"before": [0, 6, 0, 0], "after": [0, 7, 9, 0]}'
    after, _ = run_pass(_PASS, _graph("conv2d", pad, (18, 13), padded="s8[2,18,13,2] @0.5-20"))
    assert op_list(after) == ["conv2d"]


_STAY = {
    "another value": ('pad(%x, %other) {"before": [0, 1, 2, 0], "after": [0, 3, 0, 0]}', _X),
    "more channels": ('pad(%x) {"before": [0, 1, 2, 1], "after": [0, 3, 0, 0]}', "s8[2,5,4,1] @0.5-20"),
    "more images": ('pad(%x) {"before": [1, 1, 2, 0], "after": [0, 3, 0, 0]}', "s8[1,5,4,2] @0.5-20"),
}


@pytest.mark.parametrize(("pad", "x"), _STAY.values(), ids=_STAY)
def test_other_borders_stay(pad: str, x: str) -> None:
    graph = _graph("conv2d", pad, (9, 6), x=x, padded="s8[2,9,6,2] @0.5-20")
    assert run_pass(_PASS, graph) == (graph, [])


def test_a_padded_image_that_others_read_stays() -> None:
    pad = 'pad(%x) {"before": [0, 1, 2, 0], "after": [0, 3, 0, 0]}'
    extra = "%z: s8[2,9,6,2] @0.5-20 = neg(%p)\noutput %z"
    graph = _graph("conv2d", pad, (9, 6), padded="s8[2,9,6,2] @0.5-20", extra=extra)
    assert run_pass(_PASS, graph) == (graph, [])
