"""uint8 models: each becomes int8 without any real changing, and gives what LiteRT's uint8 kernels give.

The models are twins of the int8 cases: the same reals, every integer 128 higher, but weights whose zero point is
wherever it likes, as old exporters chose it.
"""

import kernel_library
import numpy as np
import oracle
import pytest
from cases import CASES
from cases.case import zero_points
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from uint8_twin import has_twin, shifted, twin

from edgeq.evaluate import evaluate
from edgeq.importers import import_model
from edgeq.program import build_program

_OPERATORS = (
    *("AVERAGE_POOL_2D", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "MAX_POOL_2D"),
    *("ADD", "HARD_SWISH", "MUL", "RELU", "RELU6", "SUB", "TANH"),
)


@pytest.mark.parametrize("name", _OPERATORS)
@settings(max_examples=30, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_uint8_twins_agree_with_litert(name: str, data: st.DataObject) -> None:
    case = data.draw(CASES[name])
    assume(has_twin(case.model))
    model = twin(case.model, data.draw(zero_points))
    inputs = [shifted(x) for x in case.inputs]
    graph = import_model(model, f"{name}.tflite")
    ours = [evaluate(graph, inputs)[v] for v in graph.outputs]
    from_c = kernel_library.run(build_program(graph, "net"), inputs)
    theirs = oracle.run_litert(model, inputs)
    for a, b, c in zip(ours, from_c, theirs, strict=True):
        assert a.dtype == np.uint8
        np.testing.assert_array_equal(b.reshape(-1), a.reshape(-1), err_msg="C differs from the evaluation")
        np.testing.assert_array_equal(c.reshape(-1), a.reshape(-1), err_msg="LiteRT differs from the evaluation")
