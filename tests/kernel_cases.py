"""Cases for one kernel: models of the spec's domain that contain its ops, and a machine that takes it for them."""

from collections import defaultdict
from collections.abc import Mapping
from functools import cache

from cases import CASES
from cases.case import Case
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeq.importers import import_model
from edgeq.ir import Graph
from edgeq.kernels import Kernel
from edgeq.passes import pipeline, run_passes
from edgeq.select import Machine, Prices

ISAS = ("c", "swar", "dsp", "mve")


def machine_for(kernel: Kernel) -> Machine:
    """On which a kernel is taken wherever it does not refuse."""
    return Machine("a machine with everything", ISAS, {kernel.name: Prices({}, 0)})


def names_of_cases(kernel: Kernel) -> list[str]:
    """The operators whose cases contain an op of the kernel."""
    return sorted({name for op in kernel.ops for name in _cases_by_op().get(op, ())})


@cache
def _cases_by_op() -> Mapping[str, tuple[str, ...]]:
    """For each op of the IR, the operators whose cases contain it in some example of a few."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in sorted(CASES):
        for op in _ops_of(name):
            found[op].append(name)
    return {op: tuple(names) for op, names in found.items()}


def _ops_of(name: str) -> set[str]:
    """The ops that some cases of an operator consist of."""
    ops: set[str] = set()

    @settings(max_examples=10, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=CASES[name])
    def look(case: Case) -> None:
        ops.update(node.op for node in graph_of(case).nodes)

    look()
    return ops


def graph_of(case: Case) -> Graph:
    """What the compiler makes of a case."""
    return run_passes(import_model(case.model, "case.tflite"), pipeline(float_ports=True))[0]


def widths(kernel: Kernel) -> st.SearchStrategy[int]:
    """Bits of weights that the kernel reads."""
    return st.sampled_from(kernel.weight_bits) if len(kernel.weight_bits) > 1 else st.just(*kernel.weight_bits)
