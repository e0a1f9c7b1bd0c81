"""Every kernel that is not the plain one of its op: over the spec's domain, equal to the evaluation, on this machine.

Instructions of an ISA stand in `runtime_c/src/isa/` with their meaning in C, with which they are compiled here.
"""

import kernel_library
import numpy as np
import pytest
from cases import CASES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernel_cases import graph_of, machine_for, names_of_cases, widths
from narrow_weights import fitting

from edgeq.errors import EdgeqError
from edgeq.evaluate import evaluate
from edgeq.fixedpoint import Rounding
from edgeq.kernels import KERNELS, Kernel
from edgeq.program import build_program

_EXAMPLES = 25
_DRAWS = 12
"""Per example; draws that a kernel refuses prove nothing, so there are a few."""

_PLAIN = {(kernel.ops, kernel.params, kernel.inputs, kernel.outputs): kernel for kernel in reversed(KERNELS)}
_VARIANTS = [
    kernel
    for kernel in KERNELS
    if (kernel not in _PLAIN.values() or kernel.isa != "c")
    # No case has inputs and outputs of different widths: test_kernels_s16 and test_packed_weights do.
    and (kernel.isa != "c" or kernel.inputs == kernel.outputs)
]
_PAIRS = [
    pytest.param(kernel, rounding, id=f"{kernel.name}-{rounding.value}", marks=[pytest.mark.slow] * (not first))
    for kernel in _VARIANTS
    for first, rounding in zip((True, False, False), Rounding, strict=True)
]


@pytest.mark.parametrize(("kernel", "rounding"), _PAIRS)
def test_kernel_equals_the_evaluation(kernel: Kernel, rounding: Rounding) -> None:
    names = names_of_cases(kernel)
    assert names, f"no case contains {kernel.ops}"
    taken = 0

    @settings(
        max_examples=_EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(data=st.data())
    def compare(data: st.DataObject) -> None:
        nonlocal taken
        for _ in range(_DRAWS):
            case = data.draw(CASES[data.draw(st.sampled_from(names))])
            try:
                bits = data.draw(widths(kernel))
                graph = fitting(graph_of(case), kernel, bits).with_(rounding=rounding)
                values = evaluate(graph, case.inputs)
            except EdgeqError:
                continue  # what this contract refuses
            program = build_program(graph, "net", machine=machine_for(kernel))
            if kernel in program.kernels:
                taken += 1
                for found, output in zip(kernel_library.run(program, case.inputs), graph.outputs, strict=True):
                    np.testing.assert_array_equal(found, values[output])
                return

    compare()
    assert taken >= _EXAMPLES // 4, f"{kernel.name} took only {taken} of {_EXAMPLES} examples"
