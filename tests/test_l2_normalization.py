"""What is refused of L2 normalisation, and the largest sum of squares that fits."""

from typing import Any

import numpy as np
import oracle
import pytest
from tflite_writer import TfliteWriter

import edgeq
from edgeq.errors import UnsupportedModelError

_LONGEST = (2**31 - 1) // 255**2


def _model(shape: tuple[int, ...] = (1, 4), scale: float = 2.0**-7, *, inputs: int = 1, **options: Any) -> bytes:
    m = TfliteWriter()
    x = m.tensor(shape, scale=0.5, zero_point=-128)
    y = m.tensor(shape, scale=scale)
    m.operator("L2_NORMALIZATION", [x] * inputs, [y], "L2NormOptions", **options)
    return m.build([x], [y])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (_model(scale=0.01), r"output .*; accepted: scale and zero point @0.0078125\+0"),
        (_model(fusedActivationFunction=1), "a fused activation on a normalization; accepted: none"),
        (_model(inputs=2), "accepted: one of rank 1 or more"),
        (_model(()), "accepted: one of rank 1 or more"),
        (_model((1, _LONGEST + 1)), f"rows of {_LONGEST + 1} elements; accepted: up to {_LONGEST}"),
    ],
    ids=["scale", "activation", "arity", "rank", "length"],
)
def test_what_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(UnsupportedModelError, match=message):
        edgeq.compile(data)


@pytest.mark.parametrize("size", [8000, 9000, _LONGEST])
def test_sums_up_to_the_limits_of_int32(size: int) -> None:
    """From 2**29 on a sum is quartered first."""
    data, x = _model((1, size)), np.full((1, size), 127, np.int8)
    x[0, ::7] = 3
    np.testing.assert_array_equal(edgeq.compile(data).run(x), oracle.run_tflm(data, [x])[0])
