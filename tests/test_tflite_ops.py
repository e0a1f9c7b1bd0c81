"""Operator by operator, over the spec's domain: integer evaluation = C kernels = the other runtime, bit for bit.

The other runtimes round twice; where a graph rounds once, the evaluation = C kernels is left to prove.
"""

import kernel_library
import numpy as np
import oracle
import pytest
from cases import CASES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeq.evaluate import evaluate
from edgeq.fixedpoint import Rounding
from edgeq.importers import import_model
from edgeq.passes import pipeline, run_passes
from edgeq.program import build_program

_EXAMPLES = 30
_ORACLES = {"tflm": oracle.run_tflm, "litert": oracle.run_litert}


@pytest.mark.parametrize("name", sorted(CASES))
@settings(
    max_examples=_EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
@given(data=st.data())
def test_evaluation_c_and_oracle_agree(name: str, data: st.DataObject) -> None:
    case = data.draw(CASES[name])
    graph = import_model(case.model, f"{name}.tflite")
    values = evaluate(graph, case.inputs)
    expected = [values[v] for v in graph.outputs]

    optimised, _ = run_passes(graph, pipeline(float_ports=True))
    from_c = kernel_library.run(build_program(optimised, "net"), case.inputs)
    _require_equal("C differs from the evaluation", from_c, expected)

    once = optimised.with_(rounding=Rounding.SINGLE)
    values = evaluate(once, case.inputs)
    from_c = kernel_library.run(build_program(once, "net"), case.inputs)
    _require_equal("C differs from the evaluation with one rounding", from_c, [values[v] for v in once.outputs])

    if case.oracle:
        theirs = _ORACLES[case.oracle](case.model, case.inputs)
        _require_equal(f"{case.oracle} differs from the evaluation", theirs, expected)


def _require_equal(message: str, found: object, expected: object) -> None:
    for f, e in zip(found, expected, strict=True):
        np.testing.assert_array_equal(np.asarray(f).reshape(-1), np.asarray(e).reshape(-1), err_msg=message)
