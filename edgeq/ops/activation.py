"""Fused activations: a clamp on the output, in reals and in quantized integers."""

from enum import Enum
from typing import Any

import numpy as np

from edgeq.errors import Refusal
from edgeq.fixedpoint import INT32_MAX, INT32_MIN, round_half_away
from edgeq.ir import TensorType


class Activation(Enum):
    """The clamps that an op can apply to its output."""

    NONE = "none"
    RELU = "relu"
    RELU6 = "relu6"
    RELU_N1_TO_1 = "relu_n1_to_1"
    RELU_0_TO_1 = "relu_0_to_1"

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest real that comes out."""
        return _BOUNDS[self]

    def apply(self, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The clamp on reals."""
        return x if self is Activation.NONE else np.asarray(np.clip(x, *self.bounds))


_BOUNDS = {
    Activation.NONE: (-np.inf, np.inf),
    Activation.RELU: (0.0, np.inf),
    Activation.RELU6: (0.0, 6.0),
    Activation.RELU_N1_TO_1: (-1.0, 1.0),
    Activation.RELU_0_TO_1: (0.0, 1.0),
}


def quantized_bounds(activation: Activation, output: TensorType) -> tuple[int, int]:
    """The clamp on integers of type `output`.

    Source: TFLite `CalculateActivationRangeQuantized` (kernels/kernel_util.cc): the quotient is a float32.

    Raises:
        Refusal: where a bound does not fit int32.
    """
    low, high = output.dtype.range

    def quantized(real: float) -> int:
        with np.errstate(over="ignore"):
            steps = float(np.float32(real) / np.float32(output.scale))
        if not INT32_MIN <= steps <= INT32_MAX:
            raise Refusal(f"output scale {output.scale} is too small for a fused {activation.value}")
        return output.zero_point + round_half_away(steps)

    real_low, real_high = activation.bounds
    if real_low > -np.inf:
        low = max(low, quantized(real_low))
    if real_high < np.inf:
        high = min(high, quantized(real_high))
    return low, high
