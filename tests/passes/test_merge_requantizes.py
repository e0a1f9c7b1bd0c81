import pytest
from rewriting import graph_of, op_list, run_pass

from edgeq.passes import Pass
from edgeq.passes.merge_requantizes import merge_requantizes

_PASS = Pass("merge requantizes", merge_requantizes)


def _chain(*types: str) -> str:
    lines = [f"input %v0: {types[0]}"]
    lines += [f"%v{i}: {type_} = requantize(%v{i - 1})  # OP #{i}" for i, type_ in enumerate(types) if i]
    return "\n".join(["graph net", *lines, f"output %v{len(types) - 1}"])


@pytest.mark.parametrize(
    "types",
    [
        ("u8[64] @0.5+3", "s8[64] @0.5-125", "s8[64] @0.3+7"),
        ("s8[64] @0.3+7", "s8[64] @0.5-125", "u8[64] @0.5+3"),
        ("u8[64] @0.5+3", "s8[64] @0.5-125", "s8[64] @0.5-125"),
        ("s8[64] @0.5+3", "s8[64] @0.5+3", "s16[64] @0.001+0"),
    ],
)
def test_one_that_only_relabels_is_merged(types: tuple[str, ...]) -> None:
    after, changes = run_pass(_PASS, graph_of(_chain(*types)))
    assert op_list(after) == ["requantize"]
    assert changes == ["merged OP #1 into OP #2"]


@pytest.mark.parametrize(
    "types",
    [
        ("s8[64] @0.5+3", "s8[64] @0.3+3", "s8[64] @0.2+3"),  # both round
        ("s8[64] @0.5+3", "s8[64] @0.5+4", "s8[64] @0.2+3"),  # the first saturates
        ("s8[64] @0.5+0", "s16[64] @0.5+0", "s8[64] @0.2+3"),  # exact, but not a relabelling; rare
        ("u8[64] @0.5+3", "s8[64] @0.2+3", "u8[64] @0.2+131"),  # no kernel from uint8 to uint8
    ],
)
def test_others_stay(types: tuple[str, ...]) -> None:
    graph = graph_of(_chain(*types))
    assert run_pass(_PASS, graph) == (graph, [])


def test_integers_that_others_read_are_still_made() -> None:
    graph = graph_of("""
graph net
input %x: u8[8] @0.5+3
%a: s8[8] @0.5-125 = requantize(%x)
%b: s8[8] @0.25+0 = requantize(%a)
%y: s8[8] @0.5-125 = neg(%a)
output %b
output %y
""")
    assert run_pass(_PASS, graph) == (graph, [])
