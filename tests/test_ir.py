"""The IR: graphs as text and back, the verifier, and what passes are made of."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_graphs import random_graphs
from rewriting import ATTRS, const, graph_of, op_list
from tflite_writer import TfliteWriter

from edgeq.errors import EdgeqError
from edgeq.fixedpoint import Rounding
from edgeq.importers import import_model
from edgeq.ir import DType, Graph, Node, Origin, Quant, TensorType
from edgeq.ir.rewrite import (
    add_constant,
    apply_rule,
    bypass,
    drop_dead,
    fresh_name,
    map_nodes,
    replace_node,
    replace_uses,
    single_user,
)
from edgeq.ir.text import parse_graph, parse_type, print_graph, print_node
from edgeq.ir.verify import verify
from edgeq.ops import OPS

_settings = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))

_TEXT = f"""\
graph net
input  %x: s8[1,4,4,2] @0.5-3  # ["image", 0, null]
{const("w", "s8[3,1,1,2] @0{0.1+0,0.25+0,1e-10+0}", [[[[1, -2]]], [[[3, -128]]], [[[127, 0]]]])}  # ["weights", 2, null]
{const("b", "s32[3] @0{0.05+0,0.125+0,5e-11+0}", [1, -2, 2**31 - 1])}
{const("half", "f32[]", 0.5)}
{const("flag", "bool[2]", [True, False])}
{const("index", "s64[1]", -(2**40))}
%y: s8[1,4,4,3] @0.25+7 = conv2d(%x, %w, %b) {{"padding": [0, 0, 0, 0], "activation": "relu6"}}  # CONV_2D #0 "a/b"
origin %y:  # ["features", 5, [0, 2, 3]]
%z: s8[1,4,4,3] @0.25+7 = conv2d(%x, %w, -)
%s: s8[1,4,4,3] @0.5+0 = add(%y, %z)
output %s
output %y
"""


def test_text_is_read_as_it_stands() -> None:
    graph = parse_graph(_TEXT, ATTRS)
    verify(graph, OPS)
    assert (graph.name, graph.inputs, graph.outputs) == ("net", ("x",), ("s", "y"))
    assert graph.types["x"] == TensorType((1, 4, 4, 2), DType.S8, Quant.per_tensor(0.5, -3))
    scales = tuple(float(np.float32(s)) for s in (0.1, 0.25, 1e-10))
    assert graph.types["w"].quant == Quant(scales, (0, 0, 0), 0)
    assert graph.types["half"] == TensorType((), DType.F32)
    assert graph.constants["b"].tolist() == [1, -2, 2**31 - 1]
    assert graph.constants["index"].tolist() == [-(2**40)]
    assert graph.constants["flag"].dtype == np.bool_
    assert graph.nodes[0].source == 'CONV_2D #0 "a/b"'
    assert graph.nodes[0].label == "CONV_2D #0"
    assert graph.nodes[1].label == "n1"
    assert graph.nodes[0].attrs.activation.value == "relu6"
    assert graph.nodes[1].inputs == ("x", "w", "")
    assert graph.origins == {
        "x": Origin("image", 0),
        "w": Origin("weights", 2),
        "y": Origin("features", 5, (0, 2, 3)),
    }


def test_text_tells_how_a_graph_rounds() -> None:
    graph = parse_graph("graph my net\ninput %x: s8[1] @0.5+0\noutput %x\n", ATTRS)
    once = graph.with_(rounding=Rounding.SINGLE)
    assert graph.rounding is Rounding.DOUBLE
    assert graph != once
    assert print_graph(once).startswith("graph my net rounding=single\n")
    assert parse_graph(print_graph(once), ATTRS) == once
    with pytest.raises(EdgeqError, match="line 1"):
        parse_graph("graph net rounding=thrice\n", ATTRS)


def _numbered(graph: Graph) -> Graph:
    """Text has no node names: they are counted when it is read."""
    return graph.with_(nodes=tuple(replace(node, name=f"n{i}") for i, node in enumerate(graph.nodes)))


def test_text_comes_back() -> None:
    graph = parse_graph(_TEXT, ATTRS)
    assert parse_graph(print_graph(graph), ATTRS) == graph


@settings(_settings, max_examples=100)
@given(graph=random_graphs())
def test_random_graphs_come_back(graph: Graph) -> None:
    assert parse_graph(print_graph(graph), ATTRS) == _numbered(graph)


@settings(_settings, max_examples=100)
@given(name=st.text(max_size=12), index=st.integers(0, 9), channels=st.none() | st.tuples(st.integers(0, 9)))
def test_names_of_any_characters_come_back(name: str, index: int, channels: Any) -> None:
    m = TfliteWriter()
    x = m.tensor((2, 2), np.uint8, scale=0.5, zero_point=3, name=name)
    y = m.tensor((4,), np.uint8, scale=0.5, zero_point=3, name=name)
    m.operator("RESHAPE", [x, m.constant(np.array([4], np.int32))], [y])
    graph = import_model(m.build([x], [y]), "net.tflite")
    graph = graph.with_(origins={**graph.origins, graph.inputs[0]: Origin(name, index, channels)})
    assert parse_graph(print_graph(graph), ATTRS) == graph


def test_constants_can_be_left_out() -> None:
    text = print_graph(parse_graph(_TEXT, ATTRS), constants=False)
    assert "const  %index: s64[1] = ...\n" in text
    with pytest.raises(EdgeqError, match=r"line 3: cannot read .*bytes were left out"):
        parse_graph(text, ATTRS)


def test_a_node_is_one_line_without_defaults() -> None:
    graph = parse_graph(_TEXT, ATTRS)
    assert print_node(graph, graph.nodes[0]) == ('%y: s8[1,4,4,3] @0.25+7 = conv2d(%x, %w, %b) {"activation": "relu6"}')
    assert print_node(graph, graph.nodes[1]) == "%z: s8[1,4,4,3] @0.25+7 = conv2d(%x, %w, -)"


@pytest.mark.parametrize(
    "line",
    [
        "input x: s8[1]",
        "input %x s8[1]",
        "input %x: s9[1]",
        "input %x: s8[1",
        "input %x: s8[1] @0.5",
        "input %x: s8[1] @half+0",
        "const %c: s8[2] = AQ==",
        "const %c: s8[1] = A",
        "origin %x:  # not json",
        "nothing of this",
        "%y: s8[1] = unheard_of(%x)",
        '%y: s8[1] = reshape(%x) {"shape": [1], "more": 1}',
        "%y: s8[1] = reshape(%x)",
        '%y: s8[1] = add(%x, %x) {"activation": "sigmoid"}',
    ],
)
def test_a_line_that_cannot_be_read_is_named(line: str) -> None:
    with pytest.raises(EdgeqError, match=f"graph text, line 2: cannot read '{re.escape(line)}'"):
        parse_graph(f"graph net\n{line}\n", ATTRS)


@pytest.mark.parametrize(
    "text", ["s8[1,16] @0.05+3", "f32[]", "s32[4] @0{1.0+0,2.0-1,0.5+0,1e-20+7}", "u8[2] @0.5+128"]
)
def test_types_print_as_they_are_read(text: str) -> None:
    assert str(parse_type(text)) == text


def test_graphs_are_compared_by_content() -> None:
    graph, same = parse_graph(_TEXT, ATTRS), parse_graph(_TEXT, ATTRS)
    assert graph == same
    assert graph != same.with_(name="other")
    assert graph != same.with_(constants={**same.constants, "b": same.constants["b"] + 1})
    assert graph != 3
    with pytest.raises(ValueError, match="read-only"):
        graph.constants["b"][0] = 1
    with pytest.raises(TypeError):
        graph.types["x"] = graph.types["y"]  # type: ignore[index]


def _broken() -> dict[str, tuple[Graph, str]]:
    """Graphs that each break one rule, and what the verifier says."""
    graph = parse_graph(_TEXT, ATTRS)
    conv, other, add = graph.nodes

    def typed(name: str, text: str) -> Graph:
        return graph.with_(types={**graph.types, name: parse_type(text)})

    def nodes(*changed: Node) -> Graph:
        return graph.with_(nodes=changed)

    s8 = Quant.per_tensor(0.5, 200)
    return {
        "input twice": (graph.with_(inputs=("x", "x")), "net: an input is listed twice"),
        "input without type": (graph.with_(inputs=("x", "u")), "u: input has no type"),
        "input and constant": (graph.with_(inputs=("x", "b")), "b: input is a constant too"),
        "constant without type": (
            graph.with_(constants={**graph.constants, "u": np.zeros(1)}),
            "u: constant has no type",
        ),
        "constant of another shape": (typed("index", "s64[2]"), "index: constant of int64[1] is declared s64[2]"),
        "constant of another dtype": (typed("index", "s32[1]"), "index: constant of int64[1] is declared s32[1]"),
        "no dimension": (typed("y", "s8[0,4,4,3] @0.25+7"), "y: s8[0,4,4,3] @0.25+7 has "),
        "scales": (typed("w", "s8[3,1,1,2] @0{0.1+0}"), "w: s8[3,1,1,2] @0{0.1+0}: expected 3 scales"),
        "quantized float": (typed("half", "f32[] @0.5+0"), "half: f32[] @0.5+0 is no integer"),
        "zero point": (
            graph.with_(types={**graph.types, "y": TensorType((1, 4, 4, 3), DType.S8, s8)}),
            "y: s8[1,4,4,3] @0.5+200: zero point out of range",
        ),
        "node name": (nodes(conv, replace(other, name="n0"), add), "n0: two nodes have this name"),
        "unknown op": (nodes(replace(conv, op="guess"), other, add), "n0: unknown op 'guess'"),
        "attributes": (nodes(replace(conv, attrs=add.attrs), other, add), "n0: attributes are a ArithmeticAttrs"),
        "order": (nodes(add, conv, other), "n2: reads %y before it is defined"),
        "defined twice": (nodes(conv, replace(other, outputs=("y",)), add), "n1: defines %y a second time"),
        "defines an input": (nodes(conv, replace(other, outputs=("x",)), add), "n1: defines %x a second time"),
        "no type": (nodes(conv, replace(other, outputs=("u",)), add), "n1: output %u has no type"),
        "shape": (
            typed("z", "s8[1,4,3,4] @0.25+7"),
            "n1: conv2d makes ((1, 4, 4, 3),), declared ((1, 4, 3, 4),)",
        ),
        "refused by the op": (nodes(conv, replace(other, inputs=("x", "b", "")), add), "n1 (): weights s32[3]"),
        "output": (graph.with_(outputs=("s", "u")), "u: output is defined by nothing"),
        "nothing defines it": (typed("u", "s8[1]"), "net: typed but undefined: ['u']"),
    }


@pytest.mark.parametrize("rule", _broken())
def test_the_verifier_names_what_is_broken(rule: str) -> None:
    graph, sentence = _broken()[rule]
    with pytest.raises(AssertionError) as caught:
        verify(graph, OPS)
    assert str(caught.value).startswith(sentence)


_CHAIN = """
graph net
input %x: s8[4] @0.5+0
%a: s8[4] @0.5+0 = neg(%x)
origin %a:  # ["a", 1, null]
%b: s8[2,2] @0.5+0 = reshape(%a) {"shape": [2, 2]}
%c: s8[2,2] @0.5+0 = add(%b, %b)
output %c
"""


def test_users_and_producers() -> None:
    graph = graph_of(_CHAIN)
    neg, reshape, add = graph.nodes
    assert graph.producers == {"a": neg, "b": reshape, "c": add}
    assert graph.users == {"x": (neg,), "a": (reshape,), "b": (add,)}
    assert single_user(graph, "b") is add
    assert single_user(graph, "c") is None
    assert single_user(graph.with_(outputs=("c", "b")), "b") is None
    twice = graph.with_(nodes=(neg, reshape, replace(add, inputs=("a", "b"))))
    assert single_user(twice, "a") is None


def test_fresh_names() -> None:
    graph = graph_of(_CHAIN)
    assert fresh_name(graph, "d") == "d"
    assert fresh_name(graph, "a") == "a.1"
    graph, name = add_constant(graph, "a", np.zeros(4, np.int8), graph.types["a"])
    assert name == "a.1"
    assert fresh_name(graph, "a") == "a.2"


def test_replacing_nodes_and_uses() -> None:
    graph = graph_of(_CHAIN)
    reshape = graph.nodes[1]
    flat = graph.types["a"]
    copy = replace(graph.nodes[0], name="copy", inputs=("a",), outputs=("d",))
    longer = replace_node(graph, reshape, copy, replace(reshape, inputs=("d",)), types={"d": flat})
    verify(longer, OPS)
    assert op_list(longer) == ["neg", "neg", "reshape", "add"]
    assert op_list(graph) == ["neg", "reshape", "add"], "the old graph is as it was"
    again = replace_uses(longer, "d", "x")
    assert again.nodes[2].inputs == ("x",)
    assert replace_uses(graph, "c", "b").outputs == ("b",)
    upper = map_nodes(graph, lambda node: replace(node, source=node.op.upper()))
    assert [n.source for n in upper.nodes] == ["NEG", "RESHAPE", "ADD"]


def test_what_is_dead_goes_with_all_that_only_it_reads() -> None:
    graph, name = add_constant(graph_of(_CHAIN), "k", np.zeros(4, np.int8), TensorType((4,), DType.S8))
    dead = Node("dead", "neg", ("a",), ("e",), graph.nodes[0].attrs)
    graph = graph.with_(nodes=(*graph.nodes, dead), types={**graph.types, "e": graph.types["a"]}, outputs=("a",))
    graph, gone = drop_dead(graph)
    verify(graph, OPS)
    assert op_list(graph) == ["neg"]
    assert [n.name for n in gone] == ["n1", "n2", "dead"]
    assert name not in graph.types
    assert set(graph.types) == {"x", "a"}


def test_bypass_makes_two_values_one() -> None:
    graph = graph_of(_CHAIN.replace("s8[2,2]", "s8[4]").replace("[2, 2]", "[4]"))
    neg, same, add = graph.nodes
    without = bypass(graph, same)
    assert without is not None
    verify(without, OPS)
    assert without.nodes[1].inputs == ("a", "a")
    assert "a" in without.origins
    at_end = graph.with_(nodes=(neg, same), outputs=("b",), types={v: graph.types[v] for v in "xab"})
    renamed = bypass(at_end, same)
    assert renamed is not None
    verify(renamed, OPS)
    assert renamed.outputs == renamed.nodes[0].outputs == ("b",)
    assert "a" not in renamed.origins
    assert bypass(at_end.with_(outputs=("a", "b")), same) is None
    assert add.inputs == ("b", "b")


def test_a_rule_is_applied_until_it_fits_nowhere() -> None:
    graph = graph_of(_CHAIN)

    def shorten(graph: Graph, node: Node) -> tuple[Graph, str] | None:
        if not node.source.startswith("#"):
            return None
        return replace_node(graph, node, replace(node, source=node.source[1:])), node.source

    marked = map_nodes(graph, lambda node: replace(node, source="##" if node.op == "neg" else "#"))
    after, changes = apply_rule(marked, shorten)
    assert sorted(changes) == ["#", "#", "#", "##"]
    assert [n.source for n in after.nodes] == ["", "", ""]
    assert apply_rule(graph.with_(nodes=()), shorten)[1] == []
