"""What is wanted of the encoding of each group of values: what the file, an op or the user says of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from edgeq.ir import DType, Graph
from edgeq.quantize.absorb import spread
from edgeq.quantize.encoding import Encoding, Encodings
from edgeq.quantize.outputs import wide_values
from edgeq.quantize.ranges import Target
from edgeq.quantize.roles import ROLES, Role, fixed_encoding
from edgeq.quantize.scheme import Scheme
from edgeq.quantize.ties import Group, tie


@dataclass(frozen=True)
class Demand:
    """What is wanted for a group.

    Attributes:
        group: the values.
        given: the encoding that is not to be chosen, if any.
        target: what to choose for.
        method: of `METHODS`, or AUTO.
        constant: nothing but what is known will come.
    """

    group: Group
    given: Encoding | None
    target: Target
    method: str
    constant: bool = False


def demands(graph: Graph, scheme: Scheme, given: Encodings) -> Sequence[Demand]:
    """What is wanted for every group of tied values, and for every constant beside activations."""
    wide = wide_values(graph) if scheme.outputs == "int16" else frozenset()

    def dtype(value: str) -> DType:
        return DType.S16 if value in wide else scheme.of(graph, value).dtype

    fixed = {v: fixed_encoding(node, dtype(v)) for node in graph.nodes for v in node.outputs}
    known = {**{v: e for v, e in fixed.items() if e is not None}, **given.values}
    known |= {v: e for v, e in spread(graph, known, moves_only=True).items() if e.dtype is dtype(v) and v not in known}

    found = []
    for group in tie(graph, lambda value: known.get(value) or dtype(value)):
        target = _target(dtype(group.name), symmetric=scheme.of(graph, group.name).symmetric)
        found.append(Demand(group, known.get(group.name), target, scheme.of(graph, group.name).method))
    tied = {value for demand in found for value in demand.group.constants}
    alone = [value for value in plain_constants(graph) if value not in tied]
    return [*found, *(_of_constant(graph, scheme, given, value) for value in alone)]


def plain_constants(graph: Graph) -> Sequence[str]:
    """Float constants that are neither weights nor biases: they stand beside activations."""
    return [
        value
        for node in graph.nodes
        for index, value in enumerate(node.inputs)
        if value in graph.constants
        and graph.types[value].dtype.is_float
        and not (ROLES[node.op] is Role.WEIGHTED and index > 0)
    ]


def _of_constant(graph: Graph, scheme: Scheme, given: Encodings, value: str) -> Demand:
    """A constant is read in the type of the node that reads it, from its least to its greatest element."""
    choice = scheme.of(graph, graph.users[value][0].outputs[0])
    target = _target(choice.dtype, symmetric=choice.symmetric)
    return Demand(Group((value,)), given.values.get(value), target, "minmax", constant=True)


def _target(dtype: DType, *, symmetric: bool) -> Target:
    """16 bits have no zero point."""
    return Target(dtype, symmetric=symmetric or dtype is DType.S16)
