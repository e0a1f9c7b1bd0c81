"""Rewrites of the graph, one per file. A pass maps a graph to one that computes the same outputs, and says what it did.

To add a pass: a file here, a line in `PIPELINE`, a test in tests/passes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgeq.ir import Graph
from edgeq.ir.verify import verify
from edgeq.ops import OPS


@dataclass(frozen=True)
class Pass:
    """One rewrite.

    Attributes:
        name: as `edgeq compile -v` prints it.
        run: the new graph, and a sentence for each thing that was done.
    """

    name: str
    run: Callable[[Graph], tuple[Graph, Sequence[str]]]


@dataclass(frozen=True)
class Done:
    """What one pass did: its name, and a sentence per change."""

    name: str
    changes: tuple[str, ...]


PIPELINE: tuple[Pass, ...] = ()


def run_passes(graph: Graph, passes: Sequence[Pass] = PIPELINE) -> tuple[Graph, tuple[Done, ...]]:
    """Run passes in order; the graph is verified after each."""
    done = []
    for step in passes:
        graph, changes = step.run(graph)
        try:
            verify(graph, OPS)
        except AssertionError as error:
            names = ", ".join([*(d.name for d in done), step.name])
            raise AssertionError(f"the graph is broken after the passes {names}: {error}") from error
        done.append(Done(step.name, tuple(changes)))
    return graph, tuple(done)
