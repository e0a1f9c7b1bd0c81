import numpy as np
import pytest
from float_graphs import FloatBuilder, random_float_graph

from edgeq.ir import DType, Graph
from edgeq.passes import normalization, run_passes
from edgeq.quantize.roles import tied_values
from edgeq.quantize.ties import Group, tie


def _builder() -> FloatBuilder:
    return FloatBuilder(np.random.default_rng(0))


def _same(_: str) -> object:
    return "all"


def test_ties_are_transitive() -> None:
    b = _builder()
    x, y = b.input(1, 4), b.input(1, 4)
    flat = b.reshape(x, 4)
    both = b.node("concat", flat, b.reshape(y, 4), axis=0)
    b.node("relu", both)
    top = b.node("reduce_max", both, axes=(0,), keep_dims=True)
    first, *others = tie(b.graph(top), _same)
    assert first.values == (x, y, flat, b.nodes[1].outputs[0], both, top)
    assert [g.values for g in others] == [(b.nodes[-2].outputs[0],)]
    assert first.name == x


def test_values_of_two_kinds_stay_apart() -> None:
    b = _builder()
    x = b.input(1, 4)
    flat = b.reshape(x, 4)
    graph = b.graph(flat)
    groups = tie(graph, lambda value: DType.S16 if value == flat else DType.S8)
    assert [g.values for g in groups] == [(x,), (flat,)]


def test_a_constant_does_not_tie_what_is_of_two_kinds() -> None:
    """It goes with what is made of it."""
    b = _builder()
    x = b.input(1, 4)
    constant = b.reals(1, 4)
    joined = b.node("concat", x, constant, axis=1)
    graph = b.graph(joined)
    groups = tie(graph, lambda value: value if value in (x, joined) else "other")
    assert groups == (Group((x,)), Group((joined,), (constant,)))


def test_kinds_meet_where_they_are_equal() -> None:
    """Two of three operands share an encoding that is given; the third stays apart."""
    b = _builder()
    x, y, z = (b.input(1, 4) for _ in "xyz")
    joined = b.node("concat", x, y, z, axis=1)
    graph = b.graph(joined)
    kinds = {x: "a", y: "b", z: "a", joined: "b"}
    assert [g.values for g in tie(graph, kinds.__getitem__)] == [(x, z), (y, joined)]


@pytest.mark.parametrize("seed", range(40))
def test_groups_are_a_partition(seed: int) -> None:
    """Of all float values; what a move connects is in one group where it is of one kind, and never where it is not."""
    graph, _ = run_passes(random_float_graph(seed, 8), normalization())
    rng = np.random.default_rng(seed)
    kinds = {value: int(rng.integers(2)) for value in graph.types}
    groups = tie(graph, kinds.__getitem__)
    members = [v for g in groups for v in g.values]
    assert sorted(members) == sorted(_floats(graph))
    assert all(len({kinds[v] for v in g.values}) == 1 for g in groups)
    where = {v: n for n, g in enumerate(groups) for v in (*g.values, *g.constants)}
    for node in graph.nodes:
        tied = [v for v in tied_values(graph, node) if v not in graph.constants]
        for a in tied:
            assert all((where[a] == where[c]) == (kinds[a] == kinds[c]) for c in tied)


def _floats(graph: Graph) -> list[str]:
    made = [*graph.inputs, *(v for node in graph.nodes for v in node.outputs)]
    return [v for v in made if graph.types[v].dtype.is_float]
