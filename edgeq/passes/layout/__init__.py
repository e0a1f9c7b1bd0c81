"""Removes transposes: values are stored in the order of dimensions in which they are read.

File formats with channels first arrive with a transpose before and behind every convolution. This pass finds a layout
for each value so that as few bytes as possible are moved at run time (`assignment`), and writes the graph anew
(`rebuild`). Constants are put in order here, and ports take and give images with their channels last where that saves
a transpose, unless the caller wants them as the file has them.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from edgeq.ir import Graph, Node
from edgeq.ir.rewrite import apply_rule, drop_dead, replace_node
from edgeq.ops.batch_matmul import BatchMatmulAttrs
from edgeq.ops.transpose import TransposeAttrs
from edgeq.passes.layout.assignment import Problem, assign
from edgeq.passes.layout.reasons import remaining_transposes
from edgeq.passes.layout.rebuild import rebuild

__all__ = ["layout", "remaining_transposes"]


def layout(graph: Graph, *, nhwc_ports: bool = True) -> tuple[Graph, Sequence[str]]:
    """The graph with few transposes, and a sentence per port that has another layout and for what was removed.

    Args:
        graph: of any types.
        nhwc_ports: ports may have their channels last where the file has them in second place.
    """
    best = graph
    while (found := _improved(best, nhwc_ports=nhwc_ports)) is not None:
        best = found
    if best is graph:
        return graph, []
    before, after = (sum(isinstance(n.attrs, TransposeAttrs) for n in g.nodes) for g in (graph, best))
    return best, [*_port_changes(graph, best), f"{before} transposes became {after}"]


def _improved(graph: Graph, *, nhwc_ports: bool) -> Graph | None:
    """The graph with better layouts; None where none are found."""
    found, changes = apply_rule(graph, _transpose_matrix)
    problem = Problem(found, nhwc_ports)
    rebuilt = rebuild(problem, assign(problem))
    if _measure(rebuilt) < _measure(found):
        return rebuilt
    return found if changes else None


def _measure(graph: Graph) -> tuple[int, int, int]:
    """Bytes that transposes move, their number, and that of all nodes: what this pass lessens."""
    transposes = [n for n in graph.nodes if isinstance(n.attrs, TransposeAttrs)]
    return sum(_bytes_moved(graph, n) for n in transposes), len(transposes), len(graph.nodes)


def _bytes_moved(graph: Graph, node: Node) -> int:
    type_ = graph.types[node.outputs[0]]
    shape = graph.types[node.inputs[0]].shape
    moved = [p for p in node.attrs.perm if shape[p] > 1]
    return 0 if moved == sorted(moved) else type_.bytes


def _transpose_matrix(graph: Graph, node: Node) -> tuple[Graph, str] | None:
    """A product reads a matrix either way round."""
    if not isinstance(node.attrs, BatchMatmulAttrs):
        return None
    for index, name in enumerate(("adj_x", "adj_y")):
        transpose = graph.producers.get(node.inputs[index])
        if transpose is None or not isinstance(transpose.attrs, TransposeAttrs):
            continue
        *batches, row, column = transpose.attrs.perm
        if batches == list(range(len(batches))) and (row, column) == (len(batches) + 1, len(batches)):
            flipped: dict[str, Any] = {name: not getattr(node.attrs, name)}
            attrs = replace(node.attrs, **flipped)
            inputs = tuple(transpose.inputs[0] if i == index else v for i, v in enumerate(node.inputs))
            graph = replace_node(graph, node, replace(node, attrs=attrs, inputs=inputs))
            return drop_dead(graph)[0], f"{node.label} reads the transposed matrix of {transpose.label} as it was"
    return None


def _port_changes(before: Graph, after: Graph) -> list[str]:
    """A sentence per port whose shape is another now."""
    sentences = []
    for verb, old_ports, new_ports in (
        ("input", before.inputs, after.inputs),
        ("output", before.outputs, after.outputs),
    ):
        for old, new in zip(old_ports, new_ports, strict=True):
            was, now = before.types[old].shape, after.types[new].shape
            origin = before.origins.get(old)
            name = f'"{origin.name}"' if origin and origin.name else f"%{old}"
            if was != now or (origin and after.origins[new].perm != origin.perm):
                sentences.append(f"{verb} {name} has its channels last: {list(now)}, where the file has {list(was)}")
    return sentences
