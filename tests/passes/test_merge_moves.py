from rewriting import graph_of, op_list, run_pass

from edgeq.passes import Pass
from edgeq.passes.merge_moves import merge_moves

_PASS = Pass("merge moves", merge_moves)


def test_a_chain_of_reshapes_is_one() -> None:
    graph = graph_of("""
graph net
input %x: s8[2,6] @0.5+0
%a: s8[12] @0.5+0 = reshape(%x) {"shape": [12]}  # RESHAPE #0
%b: s8[3,4] @0.5+0 = reshape(%a) {"shape": [3, 4]}  # SQUEEZE #1
%y: s8[4,3] @0.5+0 = reshape(%b) {"shape": [4, 3]}  # RESHAPE #2
output %y
""")
    after, changes = run_pass(_PASS, graph)
    assert op_list(after) == ["reshape"]
    assert after.nodes[0].inputs == ("x",)
    assert changes == ["merged RESHAPE #0 into SQUEEZE #1", "merged SQUEEZE #1 into RESHAPE #2"]


def test_transposes_compose() -> None:
    graph = graph_of("""
graph net
input %x: s8[2,3,4,5] @0.5+0
%a: s8[4,2,5,3] @0.5+0 = transpose(%x) {"perm": [2, 0, 3, 1]}
%y: s8[2,5,3,4] @0.5+0 = transpose(%a) {"perm": [1, 2, 3, 0]}
output %y
""")
    after, changes = run_pass(_PASS, graph)
    assert op_list(after) == ["transpose"]
    assert after.nodes[0].attrs.perm == (0, 3, 1, 2)
    assert changes == ["merged n0 into n1"]


def test_a_move_that_others_read_stays_for_them() -> None:
    graph = graph_of("""
graph net
input %x: s8[2,6] @0.5+0
%a: s8[12] @0.5+0 = reshape(%x) {"shape": [12]}
%b: s8[12] @0.5+0 = neg(%a)
%y: s8[3,4] @0.5+0 = reshape(%a) {"shape": [3, 4]}
output %b
output %y
""")
    after, _ = run_pass(_PASS, graph)
    assert op_list(after) == ["reshape", "neg", "reshape"]
    assert after.nodes[2].inputs == ("x",)


def test_different_moves_are_not_merged() -> None:
    graph = graph_of("""
graph net
input %x: s8[2,6] @0.5+0
%a: s8[6,2] @0.5+0 = transpose(%x) {"perm": [1, 0]}
%y: s8[12] @0.5+0 = reshape(%a) {"shape": [12]}
output %y
""")
    assert run_pass(_PASS, graph) == (graph, [])
