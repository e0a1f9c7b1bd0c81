"""Which values share one encoding: those that hold the same reals, moved, joined or picked (`Role.MOVE`)."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from edgeq.ir import Graph
from edgeq.quantize.roles import tied_values


@dataclass(frozen=True)
class Group:
    """Values with one encoding.

    Attributes:
        values: run-time values in the graph's order.
        constants: constants that are moved together with them.
    """

    values: tuple[str, ...]
    constants: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The first value stands for all."""
        return self.values[0]


def tie(graph: Graph, kind: Callable[[str], object]) -> tuple[Group, ...]:
    """Every float value that a node or a port makes, in groups.

    Args:
        graph: floats.
        kind: what must be equal for values to be tied, such as their element type or an encoding that is given; values
            of different kinds stay apart, and a `requantize` will stand between them.
    """
    sets = _Sets()
    order = _values(graph)
    for value in order:
        sets.root(value)
    for node in graph.nodes:
        tied = tied_values(graph, node)
        moved = [v for v in tied if v not in graph.constants]
        for value in moved:
            sets.join(value, next(v for v in moved if kind(v) == kind(value)))
        for value in set(tied).intersection(graph.constants):
            sets.join(value, node.outputs[0])  # the node reads it as it makes its output
    groups: dict[str, Group] = {}
    for value in order:
        group = groups.get(sets.root(value), Group(()))
        groups[sets.root(value)] = replace(group, values=(*group.values, value))
    for value in (v for v in graph.constants if v in sets.parents):
        group = groups[sets.root(value)]
        groups[sets.root(value)] = replace(group, constants=(*group.constants, value))
    return tuple(groups.values())


@dataclass
class _Sets:
    """Disjoint sets of values, each a tree that leads to its root."""

    parents: dict[str, str] = field(default_factory=dict)

    def root(self, value: str) -> str:
        while self.parents.setdefault(value, value) != value:
            value = self.parents[value]
        return value

    def join(self, value: str, other: str) -> None:
        self.parents[self.root(value)] = self.root(other)


def _values(graph: Graph) -> list[str]:
    made = [*graph.inputs, *(v for node in graph.nodes for v in node.outputs)]
    return [v for v in made if graph.types[v].dtype.is_float]
