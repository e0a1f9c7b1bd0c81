"""The quantization ring: integer evaluation is the float meaning of each op, rounded to the output's steps.

Both start from the same quantized inputs, so that what differs is the op's own rounding: half a step, and what the
op's fixed-point method loses on top.
"""

import numpy as np
import pytest
from cases import CASES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeq.evaluate import evaluate, evaluate_float
from edgeq.importers import import_model
from edgeq.ir import DType
from edgeq.ir.tensor import dequantize

# Steps beyond the half that rounding costs, by operator: two roundings in a row leave a little over a half.
_DEFAULT_SLACK = 0.05
_SLACK: dict[str, float] = {
    # Scaled down by 2 or more: the first of the two roundings is to half an output step.
    **dict.fromkeys(("MEAN", "SUM"), 0.26),
    # The distance between output pixels is rounded to 1/1024 of an input pixel, and adds up along a row.
    "RESIZE_BILINEAR": 5.0,
    # Four bits less than an int16 output would need to round correctly.
    "SOFTMAX": 0.1,
    # Cut off instead of rounded, as in LiteRT.
    "SQRT": 0.5,
    # A byte scaled down by 2 or more: the first of the two roundings is to half an output step.
    **dict.fromkeys(
        (
            *("ABS", "L2_NORMALIZATION", "LEAKY_RELU", "NEG", "PRELU", "QUANTIZE"),
            *("RELU", "RELU6", "RELU_0_TO_1", "RELU_N1_TO_1"),
        ),
        0.26,
    ),
}

_SLACK_S16: dict[str, float] = {
    # Multipliers have 15 bits, which is a step at either end of the output's range.
    **dict.fromkeys(("BATCH_MATMUL", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"), 1.0),
    # Operands are rounded to twice the larger scale before they are subtracted, as in TFLM.
    "SQUARED_DIFFERENCE": 30.0,
}


@pytest.mark.parametrize("name", sorted(CASES))
@settings(max_examples=15, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_integers_round_the_reals(name: str, data: st.DataObject) -> None:
    case = data.draw(CASES[name])
    graph = import_model(case.model, f"{name}.tflite")
    integers = evaluate(graph, case.inputs)
    types = [graph.types[v] for v in graph.inputs]
    reals = evaluate_float(graph, [dequantize(x, t) for x, t in zip(case.inputs, types, strict=True)])
    for value in graph.outputs:
        type_ = graph.types[value]
        if type_.dtype.is_float or type_.quant is None:
            np.testing.assert_allclose(integers[value], reals[value], rtol=1e-5)
            continue
        assert type_.dtype in (DType.S8, DType.U8, DType.S16)
        low, high = ((q - type_.zero_point) * type_.scale for q in type_.dtype.range)
        error = np.abs(dequantize(integers[value], type_) - np.clip(reals[value], low, high)) / type_.scale
        error = error[~np.isnan(reals[value])]  # where a function has no value in reals
        slack = _SLACK.get(name, _DEFAULT_SLACK)
        if type_.dtype is DType.S16:
            slack = _SLACK_S16.get(name, slack)
        assert error.max(initial=0) <= 0.5 + slack, f"off by {error.max()} steps"
