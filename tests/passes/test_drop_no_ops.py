import numpy as np
import pytest
from rewriting import const, graph_of, op_list, run_pass

from edgeq.passes import Pass
from edgeq.passes.drop_no_ops import drop_no_ops

_PASS = Pass("drop no-ops", drop_no_ops)
_TYPE = "s8[2,1,3] @0.5-128"

_NO_OPS = {
    "reshape": 'reshape(%a) {"shape": [2, 1, 3]}',
    "transpose": 'transpose(%a) {"perm": [0, 1, 2]}',
    "slice": 'slice(%a) {"begin": [0, 0, 0], "size": [2, 1, 3], "stride": [1, 1, 1]}',
    "pad": 'pad(%a) {"before": [0, 0, 0], "after": [0, 0, 0]}',
    "mirror_pad": 'mirror_pad(%a) {"before": [0, 0, 0], "after": [0, 0, 0], "reflect": true}',
    "concat": 'concat(%a) {"axis": 2}',
    "requantize": "requantize(%a)",
    "relu": "relu(%a)",
}


@pytest.mark.parametrize("call", _NO_OPS.values(), ids=_NO_OPS)
def test_what_changes_nothing_is_dropped(call: str) -> None:
    graph = graph_of(f"""
graph net
input %x: s8[2,1,3] @0.25+3
%a: {_TYPE} = requantize(%x)
%b: {_TYPE} = {call}  # OP #1 "name"
%c: {_TYPE} = mul(%b, %b)
%y: {_TYPE} = add(%b, %c)
output %y
""")
    after, changes = run_pass(_PASS, graph)
    assert op_list(after) == ["requantize", "mul", "add"]
    assert changes == ["dropped OP #1, which changes nothing"]


_CHANGES = {
    "reshape": ("s8[2,1,3] @0.5-128", 'reshape(%a) {"shape": [3, 1, 2]}', "s8[3,1,2] @0.5-128"),
    "transpose of equal sizes": ("s8[3,3] @0.5-128", 'transpose(%a) {"perm": [1, 0]}', "s8[3,3] @0.5-128"),
    "reversal": ("s8[3] @0.5+0", 'slice(%a) {"begin": [2], "size": [3], "stride": [-1]}', "s8[3] @0.5+0"),
    "requantize": ("s8[3] @0.5+0", "requantize(%a)", "s8[3] @0.5+1"),
    "other element type": ("s8[3] @0.5+0", "requantize(%a)", "u8[3] @0.5+128"),
    "relu": ("s8[3] @0.5-127", "relu(%a)", "s8[3] @0.5-127"),
    "relu6 that clamps": ("s8[3] @0.5-128", "relu6(%a)", "s8[3] @0.5-128"),
}


@pytest.mark.parametrize(("before", "call", "after"), _CHANGES.values(), ids=_CHANGES)
def test_what_changes_something_stays(before: str, call: str, after: str) -> None:
    graph = graph_of(f"graph net\ninput %a: {before}\n%y: {after} = {call}\noutput %y\n")
    assert run_pass(_PASS, graph) == (graph, [])


def test_an_output_keeps_its_name() -> None:
    graph = graph_of("""
graph net
input %x: s8[3] @0.25+3
%a: s8[3] @0.5+0 = requantize(%x)  # QUANTIZE #0
origin %a:  # ["inner", 7, null]
%y: s8[3] @0.5+0 = reshape(%a) {"shape": [3]}  # RESHAPE #1
origin %y:  # ["result", 9, null]
%z: s8[3] @0.5+0 = neg(%a)
output %z
output %y
""")
    after, _ = run_pass(_PASS, graph)
    assert op_list(after) == ["requantize", "neg"]
    assert after.outputs == ("z", "y")
    assert after.nodes[1].inputs == ("y",)
    assert after.origins["y"].name == "result"
    assert "a" not in after.origins


@pytest.mark.parametrize("head", ["input %a: s8[3] @0.5+0", const("a", "s8[3] @0.5+0", np.arange(3))])
def test_a_port_of_its_own_stays(head: str) -> None:
    """An output that equals an input, or a constant, still has to be written."""
    graph = graph_of(f'graph net\n{head}\n%y: s8[3] @0.5+0 = reshape(%a) {{"shape": [3]}}\noutput %y\n')
    assert run_pass(_PASS, graph) == (graph, [])


def test_two_outputs_that_are_equal_stay_two() -> None:
    graph = graph_of("""
graph net
input %x: s8[3] @0.5+0
%a: s8[3] @0.5+0 = neg(%x)
%y: s8[3] @0.5+0 = reshape(%a) {"shape": [3]}
output %a
output %y
""")
    assert run_pass(_PASS, graph) == (graph, [])
