from rewriting import const, graph_of, op_list, run_pass

from edgeq.passes import Pass
from edgeq.passes.remove_dead_nodes import remove_dead_nodes


def test_nodes_without_a_way_to_an_output_go_with_their_constants() -> None:
    graph = graph_of(f"""
graph net
input %x: s8[4] @0.5+0
input %unread: s8[1] @0.5+0
{const("c", "s8[4] @0.5+0", [1, 2, 3, 4])}
%a: s8[4] @0.5+0 = add(%x, %c)  # ADD #0
%b: s8[4] @0.5+0 = relu(%a)  # RELU #1 "b"
%y: s8[4] @0.5+0 = neg(%x)  # NEG #2
output %y
""")
    after, changes = run_pass(Pass("remove dead nodes", remove_dead_nodes), graph)
    assert op_list(after) == ["neg"]
    assert after.inputs == ("x", "unread"), "ports stay"
    assert not after.constants
    assert changes == ["removed ADD #0, which no output depends on", "removed RELU #1, which no output depends on"]
