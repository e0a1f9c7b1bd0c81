"""Rewrites of the graph, one per file. A pass maps a graph to one that computes the same outputs, and says what it did.

To add a pass: a file here, a line in `PIPELINE`, a test in tests/passes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from edgeq.ir import Graph
from edgeq.ir.verify import verify
from edgeq.ops import OPS
from edgeq.passes.drop_no_ops import drop_no_ops
from edgeq.passes.fold_batch_norms import fold_batch_norms
from edgeq.passes.fold_constants import fold_constants
from edgeq.passes.fold_float_constants import fold_float_constants
from edgeq.passes.fold_padding import fold_padding
from edgeq.passes.fuse_activations import fuse_activations
from edgeq.passes.fuse_float_activations import fuse_float_activations
from edgeq.passes.integer_ports import integer_ports
from edgeq.passes.layout import layout
from edgeq.passes.merge_moves import merge_moves
from edgeq.passes.merge_requantizes import merge_requantizes
from edgeq.passes.own_constants import own_constants
from edgeq.passes.pack_bipolar import pack_bipolar
from edgeq.passes.recognize_functions import recognize_functions
from edgeq.passes.remove_dead_channels import remove_dead_channels
from edgeq.passes.remove_dead_nodes import remove_dead_nodes
from edgeq.passes.simplify_floats import simplify_floats
from edgeq.passes.sink_reshapes import sink_reshapes
from edgeq.passes.tabulate import tabulate


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


INTEGER_PORTS = Pass("make float ports integer", integer_ports)
DEAD_CHANNELS = Pass("remove dead channels", remove_dead_channels)

PIPELINE: tuple[Pass, ...] = (
    Pass("fold constants", fold_constants),
    Pass("remove dead nodes", remove_dead_nodes),
    Pass("tabulate functions", tabulate),
    INTEGER_PORTS,
    Pass("merge moves", merge_moves),
    Pass("merge requantizes", merge_requantizes),
    Pass("drop no-ops", drop_no_ops),
    Pass("fold padding", fold_padding),
    Pass("fuse activations", fuse_activations),
    DEAD_CHANNELS,
    Pass("pack bipolar values", pack_bipolar),
)
"""In this order; each leaves behind what those after it expect."""


def pipeline(*, float_ports: bool = False, dead_channels: bool = True) -> tuple[Pass, ...]:
    """The passes to run.

    Args:
        float_ports: leave float inputs and outputs as they are.
        dead_channels: remove channels that need not be computed.
    """
    left_out = [INTEGER_PORTS] * float_ports + [DEAD_CHANNELS] * (not dead_channels)
    return tuple(step for step in PIPELINE if step not in left_out)


def normalization(*, input_layout: str = "nhwc") -> tuple[Pass, ...]:
    """The passes that run on a graph of floats before it is quantized.

    Args:
        input_layout: "nhwc": ports have their channels last where that saves a transpose; "keep": as in the file.
    """
    return (
        Pass("fold float constants", fold_float_constants),
        Pass("remove dead nodes", remove_dead_nodes),
        Pass("choose layouts", partial(layout, nhwc_ports=input_layout == "nhwc")),
        Pass("recognize functions", recognize_functions),
        Pass("sink reshapes", sink_reshapes),
        Pass("merge moves", merge_moves),
        Pass("drop float no-ops", drop_no_ops),
        Pass("fold batch norms", fold_batch_norms),
        Pass("fuse float activations", fuse_float_activations),
        Pass("fold float padding", fold_padding),
        Pass("simplify floats", simplify_floats),
        Pass("own constants", own_constants),
    )


NORMALIZE = normalization()
"""With the default layout of ports."""


def run_passes(graph: Graph, passes: Sequence[Pass] = PIPELINE) -> tuple[Graph, tuple[Done, ...]]:
    """Run passes in order; the graph is verified after each."""
    done: list[Done] = []
    for step in passes:
        graph, changes = step.run(graph)
        try:
            verify(graph, OPS)
        except AssertionError as error:
            names = ", ".join([*(d.name for d in done), step.name])
            raise AssertionError(f"the graph is broken after the passes {names}: {error}") from error
        done.append(Done(step.name, tuple(changes)))
    return graph, tuple(done)
