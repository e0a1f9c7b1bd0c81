from rewriting import const, graph_of, op_list, run_pass

from edgeq.passes import Pass
from edgeq.passes.fold_constants import fold_constants

_PASS = Pass("fold constants", fold_constants)


def test_quantized_constants_are_computed_as_at_run_time() -> None:
    graph = graph_of(f"""
graph net
input %x: s8[2,3] @0.5+0
{const("c", "s8[3,2] @0.25-7", [[-128, 127], [0, 1], [2, 3]])}
%r: s8[3,2] @0.5+1 = requantize(%c)  # QUANTIZE #0 "c"
%t: s8[2,3] @0.5+1 = transpose(%r) {{"perm": [1, 0]}}  # TRANSPOSE #1
%y: s8[2,3] @1.0+0 = add(%x, %t)  # ADD #2
output %y
""")
    after, changes = run_pass(_PASS, graph)
    assert op_list(after) == ["add"]
    assert changes == ["computed QUANTIZE #0", "computed TRANSPOSE #1"]
    assert after.constants["t"].tolist() == [[-59, 5, 6], [68, 5, 6]]
    assert set(after.types) == {"x", "t", "y"}


def test_output_ports_are_written_at_run_time() -> None:
    graph = graph_of(f"""
graph net
input %x: s8[2] @0.5+0
{const("c", "s8[1,2] @0.5+0", [5, 6])}
%d: s8[2] @0.5+0 = reshape(%c) {{"shape": [2]}}
%y: s8[2] @0.5+1 = requantize(%d)
output %y
""")
    after, changes = run_pass(_PASS, graph)
    assert op_list(after) == ["requantize"]
    assert changes == ["computed n0"]


def test_what_has_no_integer_meaning_stays_to_be_refused() -> None:
    graph = graph_of(f"""
graph net
input %x: f32[2]
{const("c", "f32[2]", [0.5, 1.5])}
%r: f32[2] = relu(%c)
%y: f32[2] = add(%x, %r)
output %y
""")
    assert fold_constants(graph) == (graph, [])


def test_constants_do_not_grow_beyond_flash() -> None:
    """Two results of 600 kB: there is room for one of them."""
    pad = '{"before": [0, 0], "after": [599, 999]}'
    graph = graph_of(f"""
graph net
input %x: s8[600,1000] @1.0+0
{const("c", "s8[1,1] @1.0+0", 3)}
%v: s8[600,1000] @1.0+0 = pad(%c) {pad}
%w: s8[600,1000] @1.0+0 = pad(%c) {pad}
%a: s8[600,1000] @1.0+0 = add(%x, %v)
%y: s8[600,1000] @1.0+0 = add(%a, %w)
output %y
""")
    after, changes = fold_constants(graph)
    assert op_list(after) == ["pad", "add", "add"]
    assert changes == ["computed n0"]
