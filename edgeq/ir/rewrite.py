"""Helpers that passes are made of. Each returns a new graph."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from edgeq.ir.graph import Array, Graph, Node
from edgeq.ir.tensor import TensorType

Rule = Callable[[Graph, Node], tuple[Graph, str] | None]
"""Looks at one node and what is around it: the changed graph and a sentence about it, or None where it does not fit."""


def apply_rule(graph: Graph, rule: Rule) -> tuple[Graph, list[str]]:
    """Apply a rule to every node in order, again and again until it fits nowhere; returns a sentence per change."""
    changes: list[str] = []
    position = unchanged = 0
    while unchanged < len(graph.nodes):
        position %= len(graph.nodes)
        result = rule(graph, graph.nodes[position])
        if result is None:
            position, unchanged = position + 1, unchanged + 1
        else:
            graph, sentence = result
            changes.append(sentence)
            unchanged = 0
    return graph, changes


def fresh_name(graph: Graph, stem: str) -> str:
    """A value name that the graph does not have: the stem, or the stem with a number."""
    if stem not in graph.types:
        return stem
    number = 1
    while f"{stem}.{number}" in graph.types:
        number += 1
    return f"{stem}.{number}"


def replace_node(graph: Graph, old: Node, *new: Node, types: Mapping[str, TensorType] | None = None) -> Graph:
    """Put `new` (possibly nothing) in the place of `old`; `types` declares the values that are new."""
    nodes = [n for node in graph.nodes for n in (new if node is old else (node,))]
    return graph.with_(nodes=tuple(nodes), types={**graph.types, **(types or {})})


def map_nodes(graph: Graph, change: Callable[[Node], Node]) -> Graph:
    """Change each node by itself."""
    return graph.with_(nodes=tuple(change(node) for node in graph.nodes))


def replace_uses(graph: Graph, old: str, new: str) -> Graph:
    """Make every reader of `old`, the graph's outputs included, read `new`."""

    def rename(names: Iterable[str]) -> tuple[str, ...]:
        return tuple(new if n == old else n for n in names)

    renamed = map_nodes(graph, lambda node: _with_inputs(node, rename(node.inputs)))
    return renamed.with_(outputs=rename(graph.outputs))


def rename_value(graph: Graph, old: str, new: str) -> Graph:
    """Give a value, defined by a node, the name of another that nothing defines any more; it keeps its own type."""
    renamed = replace_uses(graph, old, new)

    def define(node: Node) -> Node:
        return replace(node, outputs=tuple(new if v == old else v for v in node.outputs))

    types = {name: type_ for name, type_ in renamed.types.items() if name != old} | {new: graph.types[old]}
    origins = {name: origin for name, origin in renamed.origins.items() if name != old}
    return map_nodes(renamed, define).with_(types=types, origins=origins)


def bypass(graph: Graph, node: Node) -> Graph | None:
    """Remove a node whose only output equals its first input; those two values become one.

    The name of an output port stays. None where the node has to stay: it makes an output port out of a constant or of
    what is a port already.
    """
    value, output = node.inputs[0], node.outputs[0]
    without = replace_node(graph, node)
    if output not in graph.outputs:
        return _forget(replace_uses(without, output, value), output)
    if value not in graph.producers or value in graph.outputs:
        return None
    return rename_value(without, value, output)


def _forget(graph: Graph, value: str) -> Graph:
    return graph.with_(
        types={name: type_ for name, type_ in graph.types.items() if name != value},
        origins={name: origin for name, origin in graph.origins.items() if name != value},
    )


def add_constant(graph: Graph, stem: str, array: Array, type_: TensorType) -> tuple[Graph, str]:
    """Add a constant under a fresh name; returns the graph and that name."""
    name = fresh_name(graph, stem)
    return graph.with_(types={**graph.types, name: type_}, constants={**graph.constants, name: array}), name


def drop_dead(graph: Graph) -> tuple[Graph, tuple[Node, ...]]:
    """Remove nodes whose outputs nobody reads, and values that nothing defines or reads any more.

    Returns:
        the graph and the removed nodes.
    """
    needed = set(graph.outputs)
    kept: list[Node] = []
    dead: list[Node] = []
    for node in reversed(graph.nodes):
        if needed.isdisjoint(node.outputs):
            dead.append(node)
        else:
            kept.append(node)
            needed.update(v for v in node.inputs if v)
    alive = needed | set(graph.inputs) | {v for node in kept for v in node.outputs}
    return (
        graph.with_(
            nodes=tuple(reversed(kept)),
            types={n: t for n, t in graph.types.items() if n in alive},
            constants={n: a for n, a in graph.constants.items() if n in alive},
            origins={n: o for n, o in graph.origins.items() if n in alive},
        ),
        tuple(reversed(dead)),
    )


def single_user(graph: Graph, value: str) -> Node | None:
    """The only node that reads `value`, unless the graph's outputs contain it too."""
    users = graph.users.get(value, ())
    return users[0] if len(users) == 1 and value not in graph.outputs else None


def _with_inputs(node: Node, inputs: tuple[str, ...]) -> Node:
    return node if inputs == node.inputs else replace(node, inputs=inputs)
